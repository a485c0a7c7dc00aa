-- What is searched: one row per product on show, kept by catalog_refresh_search in the transaction of every change.
create table product_search (
  product_id uuid primary key,
  -- Folded words by weight (A name, SKU, barcode; B vendor, type, tags, categories, options, slug; D description),
  -- and without a weight what is filtered by: c/<category>, t/<tag>, o/<option>=<value>. No word has a slash.
  document tsvector not null,
  -- Channels in which it is sold; null is all of them.
  channels text[],
  -- Whether the shelf has units of it, carts' holds not counted: never false while something can be had, unless a
  -- task of kind stock says that it is about to be looked at again.
  is_stocked boolean not null,
  position bigint not null,
  created_at timestamptz not null,
  name_key text collate "C" not null
) with (fillfactor = 90);
-- With a short list of what is yet to be put in its place: twice as fast to write, and every search reads it through.
create index product_search_by_document on product_search using gin (document) with (gin_pending_list_limit = 512);
create index product_search_by_position on product_search (position, product_id);
create index product_search_by_age on product_search (created_at, product_id);
create index product_search_by_name on product_search (name_key, product_id);

-- The prices a product is sold for in one currency, from one moment to the next: sales that begin and end by
-- themselves are rows of their own. Those of a channel stand beside the general ones, which name it then.
create table product_offer (
  product_id uuid not null,
  -- No currency_code: that is no text to the index, and would not be found in it by one.
  currency text collate "C" not null,
  channel text collate "C",
  other_channels text[] not null,
  valid_from timestamptz not null,
  valid_to timestamptz not null,
  amount_min bigint not null,
  amount_max bigint not null,
  -- Of all variants, ascending, each once.
  amounts bigint[] not null,
  is_on_sale boolean not null,
  unique nulls not distinct (product_id, currency, channel, valid_from)
);
create index product_offer_by_amount on product_offer (currency, amount_min, product_id) include (amount_max);
create index product_offer_by_most on product_offer (currency, amount_max);
create index product_offer_on_sale on product_offer (currency, product_id) where is_on_sale;

-- Words of names, vendors, types, tags, categories and options, for who mistypes one. The keys are hashes of the word
-- and of what is left of it without one letter, or two of a long one: two words with a key in common are alike.
create table search_word (
  word text collate "C" primary key,
  keys integer[] not null
);
create index search_word_by_keys on search_word using gin (keys) with (fastupdate = off);

-- What the index has yet to take in. Rows are only ever added and taken away, so nobody waits for another here.
create table search_task (
  id bigint generated always as identity primary key,
  kind text collate "C" not null check (kind in ('product', 'words', 'stock')),
  -- A variant's id for kind stock, else a product's.
  subject uuid not null
);
insert into search_task (kind, subject) select 'product', id from product order by position, id;

-- The first and the last unit on a shelf are news to the search; all between are not, and holds are not either,
-- so that an add to cart does not come by here.
create function stock_tells_search() returns trigger language plpgsql as $$
begin
  insert into search_task (kind, subject) values ('stock', new.variant_id);
  return null;
end $$;
create trigger stock_made_tells_search after insert on stock for each row
  when (new.is_tracked and new.on_hand + new.backorder_max - new.safety_quantity <= 0)
  execute function stock_tells_search();
create trigger stock_changed_tells_search
  after update of on_hand, is_tracked, backorder_max, safety_quantity on stock for each row
  when ((new.is_tracked and new.on_hand + new.backorder_max - new.safety_quantity <= 0)
        is distinct from (old.is_tracked and old.on_hand + old.backorder_max - old.safety_quantity <= 0))
  execute function stock_tells_search();
