-- What has become of an order's money. To be paid is: total - tendered - credited - (captured - refunding).
alter table orders
  -- Money that was paid; asked to be given back, and of that given back.
  add column captured_minor natural_minor not null default 0,
  add column refunding_minor natural_minor not null default 0,
  add column refunded_minor natural_minor not null default 0,
  -- What of the total is no longer asked for: goods that came back or were taken out, and goodwill.
  add column credited_minor natural_minor not null default 0,
  -- What of it gift cards and store credit got back.
  add column given_back_minor natural_minor not null default 0;
update orders set captured_minor = total_minor - tendered_minor where payment_status = 'paid' or (payment_status = 'refunded' and status <> 'canceled');
alter table orders
  add constraint orders_money check (refunded_minor <= refunding_minor and refunding_minor <= captured_minor),
  add constraint orders_given_back check (given_back_minor <= tendered_minor);

-- Units that were sent, of those the ones that a return is under way for, and the ones that came back.
alter table order_line
  add column quantity_sent natural_quantity not null default 0,
  add column quantity_returning natural_quantity not null default 0,
  add column quantity_returned natural_quantity not null default 0;
update order_line l set quantity_sent = l.quantity - l.quantity_canceled
  from orders o where o.id = l.order_id and o.status in ('fulfilled', 'completed');
update order_line l set quantity_sent = l.quantity_taken
  from orders o where o.id = l.order_id and o.status in ('pending', 'paid') and l.stock_state = 'held';
alter table order_line drop constraint order_line_units;
alter table order_line
  add constraint order_line_units check (quantity_taken + quantity_canceled + quantity_returned <= quantity),
  add constraint order_line_sent check (quantity_sent + quantity_canceled <= quantity),
  add constraint order_line_returned check (quantity_returning + quantity_returned <= quantity_sent);

-- A parcel: [{"line_id", "quantity"}, ...] of the order's lines.
create table order_shipment (
  id uuid primary key,
  order_id uuid not null,
  number positive_quantity not null,
  carrier text,
  tracking_number text,
  tracking_url text,
  items jsonb not null,
  actor text collate "C" not null,
  sent_at timestamptz not null,
  -- When it was noted that it did not leave after all.
  canceled_at timestamptz,
  unique (order_id, number)
);

-- Money that is given back for an order. Its id is the key under which it is given once.
create table order_refund (
  id uuid primary key,
  order_id uuid not null,
  number positive_quantity not null,
  state text collate "C" not null check (state in ('pending', 'succeeded', 'failed')),
  amount_minor natural_minor not null,
  -- What of it goes back to gift cards and store credit, which have it at once.
  given_back_minor natural_minor not null default 0,
  currency currency_code not null,
  -- [{"line_id", "amount_minor"}, ...], where it is for lines.
  lines jsonb not null default '[]',
  reason text not null default '',
  -- The return that it is for.
  return_id uuid,
  -- The refunds of payments that give it; none where somebody pays it out by hand.
  payment_refunds uuid[] not null default '{}',
  failure text,
  actor text collate "C" not null,
  tries natural_quantity not null default 0,
  -- When it is tried again, while it is pending.
  due_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (order_id, number),
  check (given_back_minor <= amount_minor)
);
create index order_refund_due on order_refund (due_at) where state = 'pending';

create table order_return (
  id uuid primary key,
  order_id uuid not null,
  number positive_quantity not null,
  state text collate "C" not null
    check (state in ('requested', 'approved', 'received', 'completed', 'rejected', 'canceled')),
  reason text not null default '',
  -- What the shop says to it.
  answer text not null default '',
  -- What is wanted instead of money: [{"variant_id", "quantity"}, ...].
  exchange_for jsonb not null default '[]',
  credited_minor natural_minor not null default 0,
  actor text collate "C" not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (order_id, number)
);
create index order_return_open on order_return (updated_at) where state in ('requested', 'approved', 'received');

create table order_return_line (
  return_id uuid not null references order_return,
  line_id uuid not null,
  quantity positive_quantity not null,
  reason text not null default '',
  -- What looking at them came to: for sale again, or written off.
  restocked natural_quantity not null default 0,
  written_off natural_quantity not null default 0,
  credited_minor natural_minor not null default 0,
  primary key (return_id, line_id),
  check (restocked + written_off <= quantity)
);

-- What an order was before it was edited: figures that somebody agreed to are never lost.
create table order_revision (
  order_id uuid not null,
  -- The order's version that this was.
  version positive_quantity not null,
  document jsonb not null,
  reason text not null default '',
  actor text collate "C" not null,
  at timestamptz not null,
  primary key (order_id, version)
);

-- Finding orders by who bought.
create index orders_by_email on orders (lower(email) text_pattern_ops, placed_at, id) where email is not null;
create index order_line_by_variant on order_line (variant_id, order_id);
