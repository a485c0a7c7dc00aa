-- Exchange rates by day: one unit of `base` is `rate` units of `quote`.
create table fx_rate (
  base currency_code not null,
  quote currency_code not null,
  on_date date not null,
  rate numeric not null check (rate > 0 and rate < 'infinity'),
  source text not null default '' check (length(source) <= 200),
  primary key (base, quote, on_date),
  check (base <> quote)
);

-- What prices belong to. A row of `price` names its list by code; `default` is the shelf.
create table price_list (
  id uuid primary key,
  code text collate "C" not null constraint price_list_code_unique unique check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  name text not null check (length(name) between 1 and 200),
  -- Null: prices of any currency.
  currency currency_code,
  -- Null: for everybody.
  customer_group text collate "C" check (length(customer_group) between 1 and 100),
  -- The highest one that has a price counts; `default` has 0.
  priority integer not null default 0,
  starts_at timestamptz not null default '-infinity',
  ends_at timestamptz not null default 'infinity',
  is_enabled boolean not null default true,
  version positive_quantity not null default 1,
  archived_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (starts_at < ends_at),
  -- Without the shelf there is nothing to buy.
  check (code <> 'default' or (is_enabled and archived_at is null and priority = 0 and currency is null
    and customer_group is null and starts_at = '-infinity' and ends_at = 'infinity'))
);
insert into price_list (id, code, name, created_at, updated_at)
values ('00000000-0000-7000-8000-000000000001', 'default', 'Shelf', now(), now());
insert into price_list (id, code, name, created_at, updated_at)
select gen_random_uuid(), p.price_list, p.price_list, now(), now()
  from (select distinct price_list from price where price_list <> 'default') p;
alter table price add constraint price_of_list foreign key (price_list) references price_list (code);
create index price_by_list on price (price_list) where price_list <> 'default';

-- What goods are shipped as, and what no promotion takes a unit below, in the shop's currency.
alter table product add column shipping_category text collate "C" check (length(shipping_category) between 1 and 63);
alter table variant add column floor_minor natural_minor;
