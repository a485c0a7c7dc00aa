-- Customers' accounts and their sessions. Every secret stands here as its digest only; a password as Argon2id.

create table customer (
  id uuid primary key,
  -- As it was written, and as it is compared: folded. Both go when the account is erased.
  email text,
  email_key text collate "C" constraint customer_email_unique unique,
  password_hash text,
  name text not null default '' check (length(name) <= 200),
  version bigint not null default 1,
  role text collate "C" not null default 'customer' check (role in ('customer', 'staff', 'admin')),
  status text collate "C" not null default 'active' check (status in ('active', 'blocked', 'erased')),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  password_changed_at timestamptz,
  check ((email is null) = (email_key is null)),
  check (status <> 'erased' or (email is null and password_hash is null and name = ''))
);

create table account_session (
  id uuid primary key,
  customer_id uuid not null references customer,
  -- browser: a cookie, which stays the same; api: a refresh token, which is another one after each use.
  kind text collate "C" not null check (kind in ('browser', 'api')),
  secret_hash sha256_digest not null,
  -- Uses of the refresh token so far: a genuine token that names an earlier one was used before.
  generation integer not null default 0 check (generation >= 0),
  device text,
  created_at timestamptz not null,
  used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_reason text collate "C"
    check (ended_reason in ('logout', 'signed_out', 'reused', 'password', 'erased', 'blocked', 'replaced')),
  check ((ended_at is null) = (ended_reason is null))
);
create index account_session_by_customer on account_session (customer_id, created_at);
create index account_session_by_expiry on account_session (expires_at);

-- A link in a mail, good once: by the digest of its token.
create table account_link (
  token_hash sha256_digest primary key,
  purpose text collate "C" not null check (purpose in ('verify', 'reset', 'email')),
  -- Null while the account is yet to be made: that is what `verify` does, with what was asked for.
  customer_id uuid references customer,
  email text not null,
  email_key text collate "C" not null,
  password_hash text,
  name text not null default '',
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  check (purpose = 'verify' or customer_id is not null)
);
create index account_link_by_customer on account_link (customer_id) where customer_id is not null;
create index account_link_by_expiry on account_link (expires_at);

-- Mails that are to be sent. The token of a link is made when its mail is: it is never stored.
create table account_mail (
  id uuid primary key,
  kind text collate "C" not null check (kind in ('verify', 'reset', 'email', 'email_changed', 'password_changed', 'erasing')),
  email text not null,
  email_key text collate "C" not null,
  customer_id uuid references customer,
  password_hash text,
  name text not null default '',
  attempts integer not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null,
  sent_at timestamptz,
  -- Why it was not sent, where it was not: nobody there, too many of them, given up.
  dropped text collate "C"
);
create index account_mail_due on account_mail (due_at) where sent_at is null and dropped is null;
create index account_mail_by_address on account_mail (email_key, created_at);

-- Attempts to sign in, by the digest of what was given as e-mail address, whether there is such an account or not.
create table account_attempt (
  key sha256_digest primary key,
  failures integer not null,
  blocked_until timestamptz not null,
  updated_at timestamptz not null
);
create index account_attempt_by_age on account_attempt (updated_at);

-- The key that signs access and refresh tokens where PANNIER_SESSION_SECRET names none.
create table account_key (
  id integer primary key check (id = 1),
  secret bytea not null check (length(secret) = 32),
  created_at timestamptz not null
);

-- What belongs to a person by user id, whoever vouches for that id.
create table address (
  id uuid primary key,
  user_id text collate "C" not null,
  label text not null default '',
  data jsonb not null check (jsonb_typeof(data) = 'object'),
  is_default boolean not null default false,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index address_by_user on address (user_id, created_at);
create unique index address_one_default on address (user_id) where is_default;

create table preference (
  user_id text collate "C" primary key,
  data jsonb not null check (jsonb_typeof(data) = 'object'),
  updated_at timestamptz not null
);

-- Every answer to a question of consent, the newest of a kind counts.
create table consent (
  id uuid primary key,
  user_id text collate "C" not null,
  kind text collate "C" not null,
  is_granted boolean not null,
  text_version text collate "C" not null,
  device text,
  at timestamptz not null
);
create index consent_by_user on consent (user_id, kind, at);

create table erasure (
  user_id text collate "C" primary key,
  asked_at timestamptz not null,
  due_at timestamptz not null
);
create index erasure_by_due on erasure (due_at);
