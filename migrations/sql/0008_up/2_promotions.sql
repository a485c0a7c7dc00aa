-- Promotions, their coupons, and price rules. What one gives and on what conditions is a `definition` in the words of
-- a scenario; what a statement must judge by is a column of its own. Days are included on both ends.

create table promotion (
  id uuid primary key,
  name text not null check (name <> '' and length(name) <= 200),
  definition jsonb not null check (jsonb_typeof(definition) = 'object'),
  -- Whether one of its coupons must be on the cart.
  needs_code boolean not null default false,
  is_active boolean not null default false,
  starts_on date,
  ends_on date,
  use_limit bigint check (use_limit >= 0),
  -- Counted here only where there is a limit to keep: a row that every order writes would make a queue of all orders.
  -- Without a limit the uses are counted when somebody asks.
  used natural_quantity not null default 0,
  is_exhausted boolean not null generated always as (use_limit is not null and used >= use_limit) stored,
  external_reference text collate "C" unique,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  archived_at timestamptz,
  constraint promotion_within_limit check (used <= coalesce(use_limit, 0)),
  constraint promotion_period check (starts_on <= ends_on),
  constraint promotion_archived_is_off check (archived_at is null or not is_active)
);
create index promotion_in_order on promotion (created_at, id);
create index promotion_active on promotion (id) where is_active;

create table coupon (
  id uuid primary key,
  promotion_id uuid not null references promotion,
  code text collate "C" not null constraint coupon_code_unique unique check (code <> '' and length(code) <= 64),
  -- For shops that take a code however it is written. Unique in all of them, so that a shop may become one.
  code_folded text collate "C" not null constraint coupon_folded_unique unique,
  is_active boolean not null default true,
  starts_on date,
  ends_on date,
  use_limit bigint check (use_limit >= 0),
  used natural_quantity not null default 0,
  per_customer bigint check (per_customer >= 0),
  rejects_reduced_lines boolean not null default false,
  -- Whether a canceled order gives its use back.
  is_reusable_after_cancel boolean not null default true,
  -- Those that were generated together.
  batch_id uuid,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  archived_at timestamptz,
  constraint coupon_within_limit check (used <= coalesce(use_limit, 0)),
  constraint coupon_period check (starts_on <= ends_on),
  constraint coupon_archived_is_off check (archived_at is null or not is_active)
);
create index coupon_in_order on coupon (created_at, id);
create index coupon_by_promotion on coupon (promotion_id, created_at, id);
create index coupon_by_batch on coupon (batch_id) where batch_id is not null;

-- The uses, one per order: what `used` is proved by. Without foreign keys, which would lock the coupon's row for
-- everybody who uses it; `pannier audit` looks for orphans. An address is kept as its digest.
create table coupon_use (
  coupon_id uuid not null,
  order_id uuid not null,
  promotion_id uuid not null,
  user_id text collate "C",
  email_hash sha256_digest,
  at timestamptz not null,
  released_at timestamptz,
  primary key (coupon_id, order_id)
);
create index coupon_use_by_order on coupon_use (order_id);
create index coupon_use_by_user on coupon_use (coupon_id, user_id) where user_id is not null and released_at is null;
create index coupon_use_by_email on coupon_use (coupon_id, email_hash)
  where email_hash is not null and released_at is null;
create index coupon_use_of_user on coupon_use (user_id) where user_id is not null;

create table promotion_use (
  promotion_id uuid not null,
  order_id uuid not null,
  at timestamptz not null,
  released_at timestamptz,
  primary key (promotion_id, order_id)
);
create index promotion_use_by_order on promotion_use (order_id);

create table price_rule (
  id uuid primary key,
  name text not null check (name <> '' and length(name) <= 200),
  definition jsonb not null check (jsonb_typeof(definition) = 'object'),
  is_active boolean not null default false,
  starts_on date,
  ends_on date,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  archived_at timestamptz,
  constraint price_rule_period check (starts_on <= ends_on),
  constraint price_rule_archived_is_off check (archived_at is null or not is_active)
);
create index price_rule_in_order on price_rule (created_at, id);
create index price_rule_active on price_rule (id) where is_active;

-- What prices need to know of a customer, whoever vouches for the user id.
create table customer_profile (
  user_id text collate "C" primary key check (user_id <> ''),
  groups text[] not null default '{}',
  kind text collate "C" not null default 'individual' check (kind in ('individual', 'business')),
  tax_id text check (tax_id <> ''),
  -- Whether somebody, or the authority, has found it good.
  is_tax_id_valid boolean not null default false,
  is_tax_exempt boolean not null default false,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint customer_profile_checked_id check (tax_id is not null or not is_tax_id_valid)
);
create index customer_profile_by_group on customer_profile using gin (groups);
