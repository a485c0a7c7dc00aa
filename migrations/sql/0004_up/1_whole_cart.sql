-- Saved lines, selection, consent, carts beside the open one, and what idleness comes to.

alter table cart
  -- Lines that are saved for later: a cart without any is read as before.
  add column saved_count natural_quantity not null default 0,
  -- A cart beside the owner's open one: what is bought at once has one of its own.
  add column is_aside boolean not null default false,
  -- When to look whether anybody still shops here. Not moved by writes, but by that look: see cart_idle_due.
  add column idle_at timestamptz not null default 'infinity',
  -- The expiry that the shopper has been warned of.
  add column warned_for timestamptz;

drop index cart_one_open_per_guest;
drop index cart_one_open_per_user;
create unique index cart_one_open_per_guest on cart (token_hash, channel)
  where status in ('active', 'abandoned') and token_hash is not null and not is_aside;
create unique index cart_one_open_per_user on cart (user_id, channel)
  where status in ('active', 'abandoned') and user_id is not null and not is_aside;
create index cart_by_idleness on cart (idle_at) where status = 'active' and idle_at < 'infinity';

-- What a shopper keeps for another day. It is promised nothing and counts for no limit of the cart; its id is that
-- of the line it was, and is again when it comes back.
create table saved_line (
  id uuid primary key,
  cart_id uuid not null,
  variant_id uuid not null,
  merge_key text collate "C" not null default '',
  quantity positive_quantity not null,
  extra jsonb,
  unit_price_minor natural_minor not null,
  is_price_fixed boolean not null default false,
  -- Why it is here: shopper, hold_expired, unavailable, or what else set it aside.
  reason text collate "C" not null default 'shopper',
  added_at timestamptz not null,
  saved_at timestamptz not null,
  constraint saved_line_one_per_variant unique (cart_id, variant_id, merge_key)
);

-- Keys are made by cart_merge_key from now on, which can tell them of stored lines too.
update cart_line
   set merge_key = left(encode(sha256(convert_to(jsonb_build_array(extra->'attributes', extra->'customisation',
         case when is_price_fixed then unit_price_minor end)::text, 'UTF8')), 'hex'), 32)
 where merge_key <> '';

alter type cart_policy
  add attribute saved_count_max integer,
  add attribute metadata_bytes_max integer,
  -- A line whose hold ran out is saved for later instead of staying in the cart.
  add attribute save_expired boolean,
  -- Where a quantity is set above what is there: take that, and also where it is less than the line had.
  add attribute take_when_set boolean,
  add attribute lower_when_set boolean,
  -- Null: no cart is ever called abandoned.
  add attribute idle_after interval,
  add attribute aside_ttl interval;

-- By how much the cart has more lines, and more saved ones.
alter type cart_change_result
  add attribute line_delta integer,
  add attribute saved_delta integer;
