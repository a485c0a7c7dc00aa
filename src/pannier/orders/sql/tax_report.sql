-- The tax that orders placed in a period were charged, as they froze it: by unit of time, currency, rate and zone.
-- Canceled orders are left out. What an order was charged and has no rate for stands in a row without one, so that the
-- rows add up to the orders' tax, always.
create or replace function order_tax_report(p_from timestamptz, p_to timestamptz, p_unit text, p_zone text)
returns table (
  period date, currency text, zone text, category text, rate_id text, percent numeric, is_included boolean,
  base_minor numeric, tax_minor numeric, orders bigint
) language sql stable as $$
  with placed as (
    select o.id, case when p_unit = 'all' then null else (date_trunc(p_unit, o.placed_at at time zone p_zone))::date end as period,
           o.currency::text as currency, o.tax_minor,
           case when jsonb_typeof(o.quote->'taxes') = 'array' then o.quote->'taxes' else '[]' end as taxes
      from orders o
     where o.placed_at >= p_from and o.placed_at < p_to and o.status <> 'canceled'
  ), parts as (
    select p.period, p.currency, t.zone, t.category, t.rate_id, trim_scale(t.percent) as percent, t.included, t.base_minor,
           t.amount_minor, p.id
      from placed p
     cross join lateral jsonb_to_recordset(p.taxes)
       t(rate_id text, percent numeric, zone text, category text, base_minor bigint, amount_minor bigint, included boolean)
    union all
    select p.period, p.currency, null, null, null, null, null, 0, p.tax_minor - s.amount, p.id
      from placed p
     cross join lateral (
       select coalesce(sum((t->>'amount_minor')::bigint), 0) as amount from jsonb_array_elements(p.taxes) t) s
     where p.tax_minor <> s.amount
  )
  select r.period, r.currency, r.zone, r.category, r.rate_id, r.percent, r.included, sum(r.base_minor), sum(r.amount_minor),
         count(distinct r.id)
    from parts r
   group by 1, 2, 3, 4, 5, 6, 7
   order by 1, 2, 3 nulls first, 4, 6, 5
$$;
