-- promised: money that comes later, by invoice or in cash; challenged: the shopper has to do something at the provider's.
create type payment_state as enum (
  'created', 'challenged', 'promised', 'authorized', 'captured', 'declined', 'voided', 'refunded');
create type payment_entry as enum ('authorize', 'capture', 'void', 'refund');
create type refund_state as enum ('pending', 'succeeded', 'failed');

-- One attempt to be paid so much in one way. Its id is the key under which the provider does it once. Ids of checkouts
-- and orders stand here without foreign keys, as in the tables of stock, and `pannier audit` looks for orphans.
create table payment_attempt (
  id uuid primary key,
  checkout_id uuid,
  order_id uuid,
  provider text collate "C" not null,
  method text collate "C" not null,
  amount_minor natural_minor not null,
  currency currency_code not null,
  state payment_state not null,
  -- What the provider calls it, and where the shopper has to go.
  reference text collate "C",
  action_url text,
  version positive_quantity not null,
  entries natural_quantity not null default 0,
  authorized_minor natural_minor not null default 0,
  captured_minor natural_minor not null default 0,
  -- Asked to be given back, and given back.
  refunding_minor natural_minor not null default 0,
  refunded_minor natural_minor not null default 0,
  -- Whether the completion of its checkout stands on it.
  is_open boolean not null default false,
  -- Why it came to nothing: {"error", "message", "details"}.
  failure jsonb,
  -- Units that were held for as long as it goes on: [[variant, quantity], ...].
  held jsonb,
  -- What was asked with it, and under which key, for whoever carries it on.
  asked jsonb not null default '{}',
  idem_owner bytea,
  idem_key text collate "C",
  idem_hash bytea,
  -- When somebody has to look at it; null: never again. While one works on it, the end of the lease.
  due_at timestamptz,
  tries natural_quantity not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz not null,
  constraint payment_figures check (captured_minor <= authorized_minor and authorized_minor <= amount_minor
    and refunded_minor <= refunding_minor and refunding_minor <= captured_minor)
) with (fillfactor = 70);
create unique index payment_one_open_per_checkout on payment_attempt (checkout_id) where is_open;
create unique index payment_by_reference on payment_attempt (provider, reference) where reference is not null;
create index payment_by_checkout on payment_attempt (checkout_id) where checkout_id is not null;
create index payment_by_order on payment_attempt (order_id) where order_id is not null;
create index payment_due on payment_attempt (due_at) where due_at is not null;

-- Money that moved, or was promised to: never changed, never deleted.
create table payment_transaction (
  attempt_id uuid not null,
  number positive_quantity not null,
  kind payment_entry not null,
  amount_minor natural_minor not null check (amount_minor > 0),
  currency currency_code not null,
  reference text collate "C",
  actor text collate "C" not null,
  correlation_id text collate "C",
  at timestamptz not null,
  primary key (attempt_id, number)
);
create function payment_transaction_stays() returns trigger language plpgsql as $$
begin
  raise exception 'payment transactions are neither changed nor deleted';
end $$;
create trigger payment_transaction_stays before update or delete on payment_transaction
  for each row execute function payment_transaction_stays();

-- Its id is the key under which the provider gives the money back once.
create table refund (
  id uuid primary key,
  attempt_id uuid not null,
  order_id uuid,
  amount_minor natural_minor not null check (amount_minor > 0),
  currency currency_code not null,
  state refund_state not null,
  reason text not null default '',
  failure text,
  actor text collate "C" not null,
  correlation_id text collate "C",
  due_at timestamptz,
  tries natural_quantity not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index refund_by_attempt on refund (attempt_id);
create index refund_by_order on refund (order_id) where order_id is not null;
create index refund_due on refund (due_at) where due_at is not null;

-- What providers have told: each of their events counts once. Nothing of it is kept but what it was about.
create table payment_webhook (
  provider text collate "C" not null,
  event_id text collate "C" not null,
  type text collate "C" not null,
  attempt_id uuid,
  received_at timestamptz not null,
  applied_at timestamptz,
  primary key (provider, event_id)
);

-- Why the last payment of a checkout came to nothing, for the shopper to read.
alter table checkout add column payment_failure jsonb;

-- The other side of our own test gateway, where a real one has a company: what it knows of each payment.
create table test_gateway_payment (
  id text collate "C" primary key,
  attempt_id uuid not null unique,
  amount_minor natural_minor not null,
  currency currency_code not null,
  token text collate "C" not null,
  state payment_state not null,
  captures boolean not null,
  return_url text,
  reason text,
  captured_minor natural_minor not null default 0,
  refunded_minor natural_minor not null default 0 check (refunded_minor <= captured_minor),
  refunds jsonb not null default '{}',
  calls natural_quantity not null default 0,
  created_at timestamptz not null
);
