create type checkout_status as enum (
  'incomplete', 'ready_for_complete', 'complete_in_progress', 'requires_escalation', 'completed', 'canceled', 'expired');

-- A session over a cart: it shows the cart's lines as they are now, and belongs to whom the cart belongs to.
create table checkout (
  id uuid primary key,
  cart_id uuid not null,
  status checkout_status not null,
  version positive_quantity not null,
  -- The lines it is about; null is every selected line of the cart.
  line_ids uuid[],
  email text,
  shipping_address jsonb,
  billing_address jsonb,
  shipping_method text collate "C",
  payment_method text collate "C",
  note text,
  metadata jsonb not null default '{}',
  -- The total the shopper was told last: what completion charges, unless the request names another.
  shown_total_minor natural_minor,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz not null
) with (fillfactor = 70);
create unique index checkout_one_open_per_cart on checkout (cart_id)
  where status in ('incomplete', 'ready_for_complete', 'complete_in_progress', 'requires_escalation');

create type order_status as enum ('pending', 'paid', 'fulfilled', 'completed', 'canceled', 'refunded');
create type payment_status as enum ('pending', 'paid', 'refunded', 'void');
-- untracked: never counted; awaited: to be held when paid; held: by the order's reservation; committed: out of on_hand.
create type line_stock_state as enum ('untracked', 'awaited', 'held', 'committed', 'returned', 'released');

-- Ids of carts and checkouts stand here without foreign keys, as in the tables of stock: whoever places an order
-- holds both rows locked, and `pannier audit` looks for orphans.
create table orders (
  id uuid primary key,
  number text collate "C" not null constraint orders_number_unique unique,
  -- Exactly one order per checkout. Orders booked by an import have none.
  checkout_id uuid constraint orders_one_per_checkout unique,
  cart_id uuid,
  external_reference text collate "C",
  status order_status not null,
  payment_status payment_status not null,
  version positive_quantity not null,
  currency currency_code not null,
  channel text collate "C" not null,
  token_hash sha256_digest,
  user_id text collate "C",
  email text,
  shipping_address jsonb,
  billing_address jsonb,
  shipping_method text collate "C",
  payment_method text collate "C" not null,
  note text,
  -- Frozen: the figures the shopper was shown and agreed to, and the rules that made them.
  quote jsonb not null,
  subtotal_minor natural_minor not null,
  discount_minor natural_minor not null,
  shipping_minor natural_minor not null,
  tax_minor natural_minor not null,
  -- Tax added on top; tax inside the prices is in tax_minor too, but not added again.
  tax_added_minor natural_minor not null,
  total_minor natural_minor not null,
  total_quantity positive_quantity not null,
  placed_at timestamptz not null,
  updated_at timestamptz not null,
  constraint orders_add_up check (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_added_minor)
) with (fillfactor = 80);
create unique index orders_external_reference_unique on orders (external_reference) where external_reference is not null;
create index orders_by_placed on orders (placed_at, id);
create index orders_by_user on orders (user_id, placed_at, id) where user_id is not null;
create index orders_by_token on orders (token_hash, placed_at, id) where token_hash is not null;

create table order_line (
  -- That of the cart line it was.
  id uuid not null,
  order_id uuid not null,
  position integer not null,
  variant_id uuid not null,
  location_id uuid not null,
  product_id uuid not null,
  sku text,
  name text not null,
  extra jsonb,
  -- What the shopper saw of it: {"slug", "summary", "category", "image", "options", "tax_category", "requires_shipping"}.
  display jsonb not null,
  quantity positive_quantity not null,
  quantity_canceled natural_quantity not null default 0,
  unit_price_minor natural_minor not null,
  discount_minor natural_minor not null,
  tax_minor natural_minor not null,
  total_minor natural_minor not null,
  stock_state line_stock_state not null,
  primary key (order_id, position)
) with (fillfactor = 80);

create table order_state (
  order_id uuid not null,
  version positive_quantity not null,
  status order_status not null,
  payment_status payment_status not null,
  reason text not null default '',
  actor text collate "C" not null,
  correlation_id text collate "C",
  at timestamptz not null,
  primary key (order_id, version)
);
