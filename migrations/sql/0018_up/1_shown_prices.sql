alter table checkout
  -- Units of each gift that the shopper was shown last, by variant.
  add column shown_gifts jsonb,
  -- What the shop's providers of prices and taxes said, to which question and when: checkout/provided.py has the names.
  add column provided jsonb;

-- Products and variants that promotions may give away: promotion_gifts() keeps it with every change of the book.
alter table price_book_revision add column gifts uuid[];
update price_book_revision set gifts = (
  select array_agg(distinct (a.given->>'product')::uuid)
    from promotion p
   cross join lateral jsonb_array_elements(
     case jsonb_typeof(p.definition->'actions') when 'array' then p.definition->'actions' else '[]' end) a(given)
   where p.is_active and a.given->>'type' = 'gift'
     and a.given->>'product' ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$');
