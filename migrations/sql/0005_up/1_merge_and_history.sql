-- Merging, history and sharing of carts.

-- A guest's cart that became part of a user's: its token finds it no more, its lines stay for the record.
alter type cart_status add value 'merged';

alter table cart
  -- Codes that were entered, in their order; null is none.
  add column coupons text[];

-- Which guest's cart became part of which user's, and what it takes to undo that.
create table cart_merge (
  id uuid primary key,
  user_id text collate "C" not null,
  target_cart_id uuid not null,
  source_cart_id uuid not null,
  -- {lines: [{before, after, set_aside}], saved, metadata, coupons}: see cart/merge_repository.py.
  kept jsonb not null,
  at timestamptz not null,
  undone_at timestamptz
);
create index cart_merge_by_user on cart_merge (user_id, at);
create index cart_merge_by_source on cart_merge (source_cart_id);

-- What happened to carts, for as long as the shop wants to know: taken from the outbox, which is pruned.
create table cart_history (
  cart_id uuid not null,
  version bigint not null,
  id uuid not null,
  type text collate "C" not null,
  data jsonb not null,
  actor text collate "C" not null,
  device text,
  correlation_id text collate "C",
  at timestamptz not null,
  primary key (cart_id, version)
);
create index cart_history_by_actor on cart_history (actor);

-- What a cart was at some of its versions, so that another one is found from a few events.
create table cart_snapshot (
  cart_id uuid not null,
  version bigint not null,
  state jsonb not null,
  -- Where a cart's history begins that is older than its being kept; every other one can be made anew.
  is_base boolean not null default false,
  primary key (cart_id, version)
);

insert into cart_snapshot (cart_id, version, state, is_base)
select c.id, c.version, jsonb_build_object('status', c.status, 'metadata', c.metadata, 'coupons', '[]'::jsonb,
    'lines', (select coalesce(jsonb_object_agg(l.id, to_jsonb(l) - 'cart_id'), '{}') from cart_line l where l.cart_id = c.id),
    'saved', (select coalesce(jsonb_object_agg(s.id, to_jsonb(s) - 'cart_id'), '{}') from saved_line s where s.cart_id = c.id)),
    true
  from cart c where c.version > 0;

-- A shop that has events already keeps them until they have been taken.
insert into event_cursor (consumer) select 'cart.history' where exists (select 1 from event);

alter type cart_change_result
  -- What a unit of a new line costs, in minor units.
  add attribute price_minor bigint;

-- Links by which a cart is shown to others, or filled together with them. Of the token only the digest is here.
create table cart_share (
  id uuid primary key,
  cart_id uuid not null,
  token_hash sha256_digest not null unique,
  is_collaborative boolean not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index cart_share_by_cart on cart_share (cart_id);
