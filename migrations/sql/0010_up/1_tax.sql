-- Zones, tax rates, shipping methods. What staff make has a version and is archived, never deleted: orders name it.

-- Places that are taxed and shipped to alike. `name` is what rates and methods call it by, and never changes.
create table zone (
  id uuid primary key,
  name text collate "C" not null constraint zone_name_unique unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  title text not null default '' check (length(title) <= 200),
  priority integer not null default 0,
  source text not null default '' check (length(source) <= 200),
  version positive_quantity not null default 1,
  archived_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- A country, a region of it, or postal codes from one beginning to another, both included: 971 to 974 has 97490.
-- Region and postal code stand here in capitals and digits only: see zone_text.
create table zone_area (
  zone_id uuid not null references zone,
  country text collate "C" not null check (country ~ '^[A-Z]{2}$'),
  region text collate "C" check (region ~ '^[A-Z0-9]{1,60}$'),
  postal_from text collate "C" check (postal_from ~ '^[A-Z0-9]{1,12}$'),
  postal_to text collate "C" check (postal_to ~ '^[A-Z0-9]{1,12}$'),
  check ((postal_from is null) = (postal_to is null)),
  check (postal_from <= postal_to),
  unique nulls not distinct (zone_id, country, region, postal_from, postal_to)
);
create index zone_area_by_country on zone_area (country);

create table tax_rate (
  id uuid primary key,
  -- What it is called on an order; its history is the rates with the same code, category and zone.
  code text collate "C" not null check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  title text not null default '' check (length(title) <= 200),
  category text collate "C" not null check (length(category) between 1 and 63),
  -- Null is every zone.
  zone text collate "C" references zone (name),
  percent numeric(10, 6) not null check (percent between 0 and 1000),
  is_included boolean not null default false,
  -- In ascending order; a compound one is also on the added taxes before it.
  "order" integer not null default 0,
  is_compound boolean not null default false,
  -- Both days included; null is open.
  valid_from date,
  valid_to date,
  source text not null default '' check (length(source) <= 200),
  version positive_quantity not null default 1,
  archived_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (valid_from <= valid_to),
  -- A rate has one percentage on any day. The text is hashed, since ranges of texts would need an extension.
  constraint tax_rate_one_a_day exclude using gist (
    int8range(hashtextextended(code || '/' || category || '/' || coalesce(zone, ''), 0),
              hashtextextended(code || '/' || category || '/' || coalesce(zone, ''), 0), '[]') with =,
    daterange(valid_from, valid_to, '[]') with &&
  ) where (archived_at is null)
);
create index tax_rate_by_zone on tax_rate (zone) where archived_at is null;

create table shipping_method (
  id uuid primary key,
  -- What carts and orders call it by; it never changes.
  code text collate "C" not null constraint shipping_method_code_unique unique
    check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  name text not null check (length(name) between 1 and 200),
  currency currency_code not null,
  -- ship: to an address; pickup: fetched by the shopper; digital: nothing is sent.
  fulfilment text collate "C" not null default 'ship' check (fulfilment in ('ship', 'pickup', 'digital')),
  -- What it costs and when it is available, in the words that prices are written in: {"kind": "flat", "amount": 499}.
  definition jsonb not null check (jsonb_typeof(definition) = 'object'),
  "position" integer not null default 0,
  is_enabled boolean not null default true,
  -- Days from leaving the house to the door, and those before it leaves: an order after the cut-off leaves a day later.
  days_min smallint check (days_min >= 0),
  days_max smallint check (days_max <= 365),
  handling_days smallint not null default 0 check (handling_days between 0 and 365),
  cutoff time,
  is_on_weekends boolean not null default false,
  -- For a person: where to fetch it, by whom it comes.
  note text not null default '' check (length(note) <= 2000),
  version positive_quantity not null default 1,
  archived_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((days_min is null) = (days_max is null)),
  check (days_min <= days_max)
);
