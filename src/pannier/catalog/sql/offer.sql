-- The price of a variant for a quantity, place, moment and customer. Where no list has one in that currency it is the
-- price in the shop's currency, or else the channel's own in another one, converted by the day's rate, if the shop
-- converts (currency_conversion). Null when there is none.
create or replace function catalog_price(
  p_variant variant, p_currency text, p_channel text, p_quantity bigint, p_now timestamptz, p_user text default null,
  out amount_minor bigint, out compare_at_minor bigint
) language plpgsql stable as $$
declare
  c jsonb;
begin
  select l.amount_minor, l.compare_at_minor into amount_minor, compare_at_minor
    from catalog_listed_price(p_variant, p_currency, p_channel, p_quantity, p_now, p_user) l;
  if amount_minor is not null then
    return;
  end if;
  c := currency_conversion(p_currency, p_now);
  if c is not null then
    select catalog_converted(l.amount_minor, c), catalog_converted(l.compare_at_minor, c)
      into amount_minor, compare_at_minor
      from catalog_listed_price(p_variant, c->>'source', p_channel, p_quantity, p_now, p_user) l;
  end if;
  if amount_minor is not null or not p_variant.has_other_prices then
    return;
  end if;
  c := currency_conversion(p_currency, p_now, (
    select p.currency::text from price p
     where p.variant_id = p_variant.id and p.channel = p_channel and p.currency <> p_currency order by p.currency limit 1));
  if c is null then
    return;
  end if;
  select catalog_converted(l.amount_minor, c), catalog_converted(l.compare_at_minor, c)
    into amount_minor, compare_at_minor
    from catalog_listed_price(p_variant, c->>'source', p_channel, p_quantity, p_now, p_user) l;
end $$;

create or replace function catalog_converted(p_amount bigint, p_conversion jsonb) returns bigint language sql immutable as $$
  select currency_convert(p_amount, p_conversion->>'source', p_conversion->>'target', (p_conversion->>'above')::numeric,
    (p_conversion->>'below')::numeric, p_conversion->>'rounding', (p_conversion->>'step_minor')::bigint)
$$;

-- The price that a list has: the list with the highest priority, a group's own price before everybody's, the channel's
-- own before the general one, the highest quantity step reached, the newest window.
create or replace function catalog_listed_price(
  p_variant variant, p_currency text, p_channel text, p_quantity bigint, p_now timestamptz, p_user text default null,
  out amount_minor bigint, out compare_at_minor bigint
) language plpgsql stable as $$
declare
  v_groups text[];
begin
  if not p_variant.has_other_prices then
    amount_minor := (p_variant.plain_prices->p_currency->>0)::bigint;
    compare_at_minor := (p_variant.plain_prices->p_currency->>1)::bigint;
    return;
  end if;
  v_groups := case when p_user is null then '{}' else customer_groups(p_user) end;
  select p.amount_minor, p.compare_at_minor into amount_minor, compare_at_minor
    from price p join price_list l on l.code = p.price_list
   where p.variant_id = p_variant.id and p.currency = p_currency
     and (p.channel = p_channel or p.channel is null)
     and (p.customer_group is null or p.customer_group = any(v_groups))
     and (l.customer_group is null or l.customer_group = any(v_groups))
     and l.is_enabled and l.archived_at is null and (l.currency is null or l.currency = p.currency)
     and p.quantity_min <= p_quantity and p.valid_from <= p_now and p_now < p.valid_to
     and l.starts_at <= p_now and p_now < l.ends_at
   order by l.priority desc, coalesce(p.customer_group, l.customer_group) is null, p.channel nulls last,
            p.quantity_min desc, p.valid_from desc, p.amount_minor
   limit 1;
end $$;

-- A price that holds for everybody, everywhere, always.
create or replace function catalog_is_plain(p price) returns boolean language sql immutable as $$
  select p.price_list = 'default' and p.channel is null and p.customer_group is null and p.quantity_min = 1
     and p.valid_from = '-infinity' and p.valid_to = 'infinity'
$$;
