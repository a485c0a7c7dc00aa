-- The stock as the catalogue's search asks for it, as catalogue_stock.py is for the rest of the catalogue: the
-- functions of two capabilities that know nothing of each other meet here.

-- Whether there may be units of a variant: any on the shelf, whoever holds them. One without a stock row is not counted.
create or replace function catalogue_is_stocked(p_variant uuid) returns boolean language sql stable as $$
  select coalesce((select stock_is_stocked(k) from stock k where k.variant_id = p_variant
                      and k.location_id = '00000000-0000-7000-8000-000000000001'), true)
$$;

-- Whether a unit of a variant can be had at this moment: holds that have run out count as free.
create or replace function catalogue_can_be_had(p_variant uuid, p_now timestamptz) returns boolean language sql stable as $$
  select coalesce((select coalesce(stock_available(k, p_now) > 0, true) from stock k where k.variant_id = p_variant
                      and k.location_id = '00000000-0000-7000-8000-000000000001'), true)
$$;
