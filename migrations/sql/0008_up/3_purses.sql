-- What can be paid with beside money: gift cards, store credit, points. A balance and its ledger, as with stock: a row
-- of purse_movement is never changed, versions have no gap, and each begins where the one before it ended.
create type purse_kind as enum ('gift_card', 'store_credit', 'points');

create table purse (
  id uuid primary key,
  kind purse_kind not null,
  -- Points are of no currency.
  currency currency_code,
  -- Whose it is; a gift card belongs to whoever knows its code.
  user_id text collate "C",
  -- SHA-256 of a gift card's code, and the end of it, by which people tell cards apart.
  code_hash sha256_digest constraint purse_code_unique unique,
  code_end text collate "C",
  balance natural_minor not null default 0,
  is_active boolean not null default true,
  -- The last day on which it can be used.
  ends_on date,
  note text not null default '' check (length(note) <= 500),
  version bigint not null default 1,
  -- Movements so far.
  movements bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  archived_at timestamptz,
  constraint purse_archived_is_off check (archived_at is null or not is_active),
  constraint purse_shape check (case kind
    when 'gift_card' then currency is not null and user_id is null and code_hash is not null and code_end is not null
    when 'store_credit' then currency is not null and user_id is not null and code_hash is null
    else currency is null and user_id is not null and code_hash is null end)
);
create unique index purse_one_per_customer on purse (user_id, kind, currency) nulls not distinct where user_id is not null;
create index purse_in_order on purse (kind, created_at, id);

-- issue: it came into being with that; charge: an order was paid with it; refund: given back for one; earn: points for
-- an order; adjust: somebody changed it.
create type purse_movement_kind as enum ('issue', 'charge', 'refund', 'earn', 'adjust');

create table purse_movement (
  purse_id uuid not null,
  version bigint not null check (version > 0),
  kind purse_movement_kind not null,
  -- Signed.
  amount bigint not null check (amount <> 0),
  balance_before natural_minor not null,
  balance_after natural_minor not null,
  order_id uuid,
  reason text not null default '',
  actor text collate "C" not null,
  correlation_id text collate "C",
  at timestamptz not null,
  primary key (purse_id, version),
  constraint purse_movement_adds_up check (balance_after = balance_before + amount),
  constraint purse_movement_sign check (case kind when 'charge' then amount < 0
    when 'adjust' then true when 'earn' then true else amount > 0 end)
);
create index purse_movement_by_order on purse_movement (order_id) where order_id is not null;
