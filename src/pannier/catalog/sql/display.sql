-- What a cart line and a list show of a variant, kept beside it so that reading a cart joins no more tables.
-- Called in the transaction of every change to a product, its images, categories, variants or prices, and keeps what
-- is searched as well: see search_index.sql.
create or replace function catalog_refresh_display(p_products uuid[]) returns void language sql volatile as $$
  update variant v
     set display = s.display, is_sellable = s.is_sellable, channels = s.channels, plain_prices = s.plain_prices,
         has_other_prices = s.has_other_prices
    from catalog_shown(p_products) s
   where s.variant_id = v.id;
  select catalog_refresh_search(p_products)
$$;

-- The same, worked out afresh.
create or replace function catalog_shown(p_products uuid[])
returns table (
  variant_id uuid, display json, is_sellable boolean, channels text[], plain_prices jsonb, has_other_prices boolean
) language sql stable as $$
  select v.id,
         json_build_array(p.id, v.sku, p.name, p.slug, p.summary,
           (select c.name from product_category pc join category c on c.id = pc.category_id
             where pc.product_id = p.id order by pc.position, c.id limit 1),
           coalesce(v.image_url, (select i.url from product_image i where i.product_id = p.id order by i.position limit 1)),
           v.options, case when v.is_taxable then p.tax_category else '' end, v.requires_shipping,
           catalog_categories_of(p.id), coalesce(v.weight_g, 0), p.shipping_category, coalesce(v.floor_minor, 0)),
         v.is_active and p.is_published and p.status = 'active',
         p.channels,
         coalesce((
           select jsonb_object_agg(r.currency, jsonb_build_array(r.amount_minor, r.compare_at_minor))
             from price r where r.variant_id = v.id and catalog_is_plain(r)), '{}'),
         exists (select 1 from price r where r.variant_id = v.id and not catalog_is_plain(r))
    from product p join variant v on v.product_id = p.id
   where p.id = any(p_products)
$$;

-- The slugs of a product's categories and of all above them, in order.
create or replace function catalog_categories_of(p_product uuid) returns text[] language sql stable as $$
  with recursive up as (
    select c.id, c.slug, c.parent_id from product_category pc join category c on c.id = pc.category_id
     where pc.product_id = p_product
    union
    select c.id, c.slug, c.parent_id from up join category c on c.id = up.parent_id
  )
  select coalesce(array_agg(up.slug order by up.slug), '{}') from up
$$;

-- Makes what is shown of variants current where it is not. Answers what was done.
create or replace function catalog_repair(p_offset interval) returns setof jsonb language plpgsql as $$
begin
  return query
  with stale as (
    select v.id, v.product_id from variant v
      join catalog_shown((select array_agg(p.id) from product p)) s on s.variant_id = v.id
     where (v.display::text, v.is_sellable, v.channels, v.plain_prices, v.has_other_prices)
           is distinct from (s.display::text, s.is_sellable, s.channels, s.plain_prices, s.has_other_prices)
  ), refreshed as (
    select catalog_refresh_display(array(select distinct product_id from stale))
  )
  select jsonb_build_object('did', 'made what is shown of a variant current', 'variant_id', s.id)
    from stale s cross join refreshed;
end $$;
