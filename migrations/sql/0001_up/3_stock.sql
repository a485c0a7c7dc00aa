create table location (
  id uuid primary key,
  code text collate "C" not null unique,
  name text not null,
  is_active boolean not null default true
);
insert into location (id, code, name) values ('00000000-0000-7000-8000-000000000001', 'default', 'Default');

-- Rows of the hot tables below carry ids of other capabilities without foreign keys: variants and locations
-- are never deleted, the functions that write here have looked them up, and `pannier audit` looks for orphans.
-- A key check on insert would take a share lock on the variant every shopper of it wants.
create table stock (
  variant_id uuid not null,
  location_id uuid not null default '00000000-0000-7000-8000-000000000001',
  is_tracked boolean not null default true,
  on_hand bigint not null default 0,
  held bigint not null default 0,
  -- How far sales may run ahead of what is on hand; null is without bound.
  backorder_max natural_quantity default 0,
  -- Units that are never promised.
  safety_quantity natural_quantity not null default 0,
  -- No hold on this row falls due before this moment: a lower bound, put right when it has passed.
  next_due_at timestamptz not null default 'infinity',
  -- Counts the movements: the version of the newest one.
  version bigint not null default 0,
  primary key (variant_id, location_id),
  -- Stands behind the conditional update. Imported stock may be negative; it then holds nothing.
  constraint stock_never_oversold check (held >= 0 and (held = 0 or held <= on_hand + backorder_max))
) with (fillfactor = 70);

create type movement_kind as enum ('receive', 'return', 'adjust', 'hold', 'extend', 'release', 'expire', 'commit');

-- One immutable row a movement: its quantity, and both figures before and after it. Versions have no gap, and
-- each row begins where the one before it ended; stock_book makes the figures add up, and the audit proves it.
create table stock_movement (
  variant_id uuid not null,
  location_id uuid not null,
  version bigint not null,
  kind movement_kind not null,
  quantity bigint not null,
  on_hand_before bigint not null,
  on_hand_after bigint not null,
  held_before bigint not null,
  held_after bigint not null,
  reason text not null default '',
  actor text collate "C" not null,
  device text,
  correlation_id text collate "C",
  reference_kind text collate "C",
  reference_id uuid,
  at timestamptz not null,
  transaction_id xid8 not null default pg_current_xact_id(),
  primary key (variant_id, location_id, version)
);

-- Why a figure of the ledger moves: who did it, from where, within which request, for whom, when.
create type movement_cause as (
  actor text,
  device text,
  correlation_id text,
  reference_kind text,
  reference_id uuid,
  reason text,
  at timestamptz
);

create type reservation_owner as enum ('cart', 'checkout', 'order', 'external');
create type hold_state as enum ('held', 'taken');

-- What one owner has been promised and until when. A cart's reservation has the cart's id, an order's the order's.
create table reservation (
  id uuid primary key,
  owner_kind reservation_owner not null,
  -- Activity extends it up to a cap counted from here.
  held_since timestamptz not null,
  expires_at timestamptz not null,
  reference text,
  -- Promised less than its owner wants, since stock had gone when it was to be held again: tried with every write.
  is_short boolean not null default false
);
create index reservation_by_expiry on reservation (expires_at) where expires_at < 'infinity';

create table hold (
  reservation_id uuid not null,
  variant_id uuid not null,
  location_id uuid not null,
  quantity positive_quantity not null,
  -- held: counted in stock.held. taken: already out of on_hand, given back when let go (hold_at = immediate).
  state hold_state not null default 'held',
  -- Not after the reservation's own expiry, which decides; put right under the stock lock when it has passed.
  due_at timestamptz not null,
  primary key (reservation_id, variant_id, location_id)
) with (fillfactor = 80);
-- Partial, so that it serves only who asks for what falls due: a look for one hold of one reservation must not find
-- it as good as the key while the table is small, and then read every hold of the variant for ever.
create index hold_by_due on hold (variant_id, location_id, due_at) where due_at < 'infinity';
