-- The house rules a batch of changes is judged by; zero means no limit.
create type cart_policy as (
  line_quantity_max integer,
  cart_quantity_max bigint,
  line_count_max integer,
  clamp_over_limit boolean,
  take_what_is_there boolean,
  -- none: carts promise nothing; hold: adding holds; take: adding takes at once.
  stock text,
  hold_ttl interval,
  hold_cap interval,
  -- Null: carts of that kind of owner never expire.
  guest_ttl interval,
  user_ttl interval
);

-- The line a change is about, as it is under the locks, with what limits and stock say of its variant.
create type cart_target as (
  line_id uuid,
  variant_id uuid,
  merge_key text,
  quantity bigint,
  extra jsonb,
  unit_price_minor bigint,
  is_price_fixed boolean,
  is_selected boolean,
  -- Units of the variant on other lines of the cart, and on its hold.
  others bigint,
  held bigint,
  quantity_max integer,
  is_tracked boolean,
  -- Units for sale to anybody; null is without bound.
  available bigint
);

-- What one change came to. `outcome` is OK or the name of an error; figures are units of the line's variant.
create type cart_change_result as (
  outcome text,
  details jsonb,
  line_id uuid,
  variant_id uuid,
  quantity_before bigint,
  quantity_after bigint
);

create type cart_status as enum ('active', 'abandoned', 'converted', 'expired');

create table cart (
  id uuid primary key,
  status cart_status not null default 'active',
  version bigint not null default 0,
  currency currency_code not null,
  channel text collate "C" not null,
  -- SHA-256 of a guest's token, or the user's id: exactly one of them owns the cart.
  token_hash sha256_digest,
  user_id text collate "C",
  -- Kept by every write, so that limits need no sum over the lines.
  line_count natural_quantity not null default 0,
  total_quantity natural_quantity not null default 0,
  metadata jsonb not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- Moved in coarse steps, so that most writes leave every index alone.
  expires_at timestamptz not null,
  check ((token_hash is null) <> (user_id is null))
) with (fillfactor = 70);
-- Neither can answer for the other kind of owner: on an empty table the planner would not know which one to take.
create unique index cart_one_open_per_guest on cart (token_hash, channel)
  where status in ('active', 'abandoned') and token_hash is not null;
create unique index cart_one_open_per_user on cart (user_id, channel)
  where status in ('active', 'abandoned') and user_id is not null;
create index cart_by_token on cart (token_hash) where token_hash is not null;
create index cart_by_expiry on cart (expires_at) where status in ('active', 'abandoned') and expires_at < 'infinity';

create table cart_line (
  id uuid primary key,
  cart_id uuid not null,
  variant_id uuid not null,
  -- Empty for a plain line; else a digest of attributes, customisation and price reference.
  merge_key text collate "C" not null default '',
  quantity positive_quantity not null,
  -- Attributes, note and customisation: {"attributes": {...}, "note": "...", "customisation": {...}} or null.
  extra jsonb,
  -- The price shown when it was added; `is_price_fixed` when that is the price, whatever the list says now.
  unit_price_minor natural_minor not null,
  is_price_fixed boolean not null default false,
  is_selected boolean not null default true,
  added_at timestamptz not null,
  updated_at timestamptz not null,
  constraint cart_line_one_per_variant unique (cart_id, variant_id, merge_key)
) with (fillfactor = 80);
