create table channel (
  code text collate "C" primary key check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  name text not null,
  is_active boolean not null default true
);
insert into channel (code, name) values ('default', 'Default');

create table category (
  id uuid primary key,
  slug text collate "C" not null unique check (slug <> ''),
  name text not null,
  parent_id uuid references category,
  position integer not null default 0
);

create table product (
  id uuid primary key,
  slug text collate "C" not null unique check (slug <> ''),
  name text not null,
  description text not null default '',
  summary text not null default '' check (length(summary) <= 400),
  vendor text not null default '',
  product_type text not null default '',
  status text collate "C" not null default 'active' check (status in ('active', 'draft', 'discontinued', 'archived')),
  is_published boolean not null default true,
  tags text[] not null default '{}',
  tax_category text collate "C" not null default 'standard',
  -- Channels in which it is sold; null is all of them.
  channels text[],
  -- Order in the catalogue and in exports.
  position bigint not null default 0,
  -- What an import brought that has no column of its own, so that an export gives it back.
  source jsonb,
  external_reference text collate "C" unique,
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);
create index product_by_position on product (position, id);

create table product_category (
  product_id uuid not null references product,
  category_id uuid not null references category,
  position integer not null default 0,
  primary key (product_id, category_id)
);
create index product_category_by_category on product_category (category_id, product_id);

create table product_image (
  id uuid primary key,
  product_id uuid not null references product,
  position integer not null,
  url text not null check (url <> ''),
  alt text not null default '',
  source jsonb,
  unique (product_id, position)
);

create table variant (
  id uuid primary key,
  product_id uuid not null references product,
  position integer not null default 0,
  -- Real catalogues leave it blank or use it twice: a look-up, not a key.
  sku text collate "C",
  barcode text,
  -- [["Size", "Small"], ["Colour", "Blue"]], in the order the shop shows them.
  options jsonb not null default '[]' check (jsonb_typeof(options) = 'array'),
  weight_g bigint check (weight_g >= 0),
  image_url text,
  requires_shipping boolean not null default true,
  is_taxable boolean not null default true,
  is_active boolean not null default true,
  quantity_max integer check (quantity_max > 0),
  source jsonb,
  -- What every cart line shows of it, kept by catalog_refresh_display: see catalog/sql/display.sql.
  display json not null default '{}',
  is_sellable boolean not null default false,
  channels text[],
  -- {"USD": [amount, compare_at]} of its plain prices, and whether there are others that need looking up.
  plain_prices jsonb not null default '{}',
  has_other_prices boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- One variant per combination of options within a product.
  unique (product_id, options)
);
create index variant_by_product on variant (product_id, position);
create index variant_by_sku on variant (sku) where sku is not null;

create table price (
  id uuid primary key,
  variant_id uuid not null references variant,
  price_list text collate "C" not null default 'default',
  channel text collate "C" references channel,
  currency currency_code not null,
  customer_group text collate "C",
  quantity_min integer not null default 1 check (quantity_min >= 1),
  valid_from timestamptz not null default '-infinity',
  valid_to timestamptz not null default 'infinity',
  amount_minor natural_minor not null,
  compare_at_minor natural_minor,
  check (valid_from < valid_to),
  constraint price_one_per_key
    unique nulls not distinct (variant_id, currency, price_list, channel, customer_group, quantity_min, valid_from)
);

-- What an export needs to know of the files that came in: their columns, empty ones included, in first-seen order.
create table catalog_import (
  id uuid primary key,
  columns text[] not null,
  actor text collate "C" not null,
  at timestamptz not null
);
