-- Products and variants that promotions which are on may give away; null where none does. The price book keeps them, so
-- that whoever reads a cart can tell how many there are of each.
create or replace function promotion_gifts() returns uuid[] language plpgsql stable as $$
begin
  return (
    select array_agg(distinct (a.given->>'product')::uuid)
      from promotion p
     cross join lateral jsonb_array_elements(
       case jsonb_typeof(p.definition->'actions') when 'array' then p.definition->'actions' else '[]' end) a(given)
     where p.is_active and a.given->>'type' = 'gift'
       and a.given->>'product' ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$');
end $$;
