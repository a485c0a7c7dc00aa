-- What an outside order service is told, an order's events one after the other. The event's id is the key under which it
-- takes it once.
create table order_handover (
  id uuid primary key,
  order_id uuid not null,
  -- The order's version that the event made.
  version positive_quantity not null,
  type text collate "C" not null,
  data jsonb not null,
  state text collate "C" not null check (state in ('pending', 'taken', 'refused')),
  -- What the other side calls it, and why it did not take it.
  reference text,
  failure text,
  tries natural_quantity not null default 0,
  -- When it is told, or told again. While somebody is at it, the end of the lease.
  due_at timestamptz,
  at timestamptz not null,
  taken_at timestamptz,
  unique (order_id, version),
  check ((state = 'pending') = (due_at is not null)),
  check ((state = 'taken') = (taken_at is not null))
);
create index order_handover_due on order_handover (due_at) where state = 'pending';
create index order_handover_open on order_handover (order_id, version) where state <> 'taken';
