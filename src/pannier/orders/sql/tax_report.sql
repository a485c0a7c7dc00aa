-- The tax that orders placed in a period are charged, as they froze it, less that of goods that were taken out or came back
-- and of what else was credited: by unit of time, currency, rate and zone. Orders of which nothing is asked for are left
-- out. What an order is charged and has no rate for stands in a row without one, so that the rows add up to the orders' tax.
--
-- What is credited of a line takes its tax down, from the rates of its category (of all, where none is of it) by their
-- shares. Goodwill that is for no line takes down what is left of everything alike.
create or replace function order_tax_report(p_from timestamptz, p_to timestamptz, p_unit text, p_zone text)
returns table (
  period date, currency text, zone text, category text, rate_id text, percent numeric, is_included boolean,
  base_minor numeric, tax_minor numeric, orders bigint
) language sql stable as $$
  with placed as (
    select o.id, case when p_unit = 'all' then null else (date_trunc(p_unit, o.placed_at at time zone p_zone))::date end as period,
           o.currency::text as currency, o.tax_minor, o.credited_minor,
           (o.total_minor - o.credited_minor)::numeric / nullif(o.total_minor - l.credited, 0) as kept,
           case when jsonb_typeof(o.quote->'taxes') = 'array' then o.quote->'taxes' else '[]' end as taxes
      from orders o
     cross join lateral (select coalesce(sum(k.credited_minor), 0) as credited from order_line k where k.order_id = o.id) l
     where o.placed_at >= p_from and o.placed_at < p_to and o.status <> 'canceled'
       and (o.credited_minor < o.total_minor or o.credited_minor = 0)
  ), parts as (
    select p.id, t.place, x.zone, x.category, x.rate_id, trim_scale(x.percent) as percent, x.included, x.base_minor,
           x.amount_minor
      from placed p
     cross join lateral jsonb_array_elements(p.taxes) with ordinality t(part, place)
     cross join lateral jsonb_to_record(t.part)
       x(rate_id text, percent numeric, zone text, category text, base_minor bigint, amount_minor bigint, included boolean)
  ), gone as (
    select p.id, l.id as line_id, l.display->>'tax_category' as category,
           l.tax_minor * l.credited_minor::numeric / (l.total_minor + a.added) as tax
      from placed p
      join order_line l on l.order_id = p.id and l.credited_minor > 0 and l.tax_minor > 0
      join orders o on o.id = p.id
     cross join lateral (select order_line_tax_added(o.quote, l.id, l.tax_minor) as added) a
     where p.credited_minor > 0
  ), chargeable as (
    select k.id, k.place, k.category, k.amount_minor, k.base_minor from parts k where k.amount_minor > 0
  ), known as (
    select distinct c.id, c.category from chargeable c where c.category is not null
  ), meant as (
    -- Null where the order has no rate of the line's category: then all of its rates are meant.
    select g.id, g.line_id, g.tax, n.category from gone g left join known n on n.id = g.id and n.category = g.category
  ), matched as (
    select m.id, m.line_id, m.tax, c.place, c.amount_minor, c.base_minor
      from meant m join chargeable c on c.id = m.id and c.category = m.category
    union all
    select m.id, m.line_id, m.tax, c.place, c.amount_minor, c.base_minor
      from meant m join chargeable c on c.id = m.id
     where m.category is null
  ), shared as (
    select x.id, x.place,
           round(round(x.tax) * x.upto / x.whole) - round(round(x.tax) * (x.upto - x.amount_minor) / x.whole) as tax,
           x.base_minor * x.tax / x.whole as base
      from (select m.*, sum(m.amount_minor) over (partition by m.id, m.line_id order by m.place)::numeric as upto,
                   sum(m.amount_minor) over (partition by m.id, m.line_id)::numeric as whole from matched m) x
  ), less as (
    select id, place, sum(tax) as tax, sum(base) as base from shared group by id, place
  ), sums as (
    -- What of an order's tax has a rate: what its rates charge, and what of that is credited with lines, less what of it was
    -- taken down from them.
    select u.id, sum(u.tax) as tax
      from (select id, amount_minor::numeric as tax from parts
            union all select id, round(tax) from gone
            union all select id, -tax from less) u
     group by u.id
  ), rows as (
    select p.period, p.currency, k.zone, k.category, k.rate_id, k.percent, k.included, p.id,
           round((k.base_minor - coalesce(s.base, 0)) * coalesce(p.kept, 1)) as base_minor,
           round((k.amount_minor - coalesce(s.tax, 0)) * coalesce(p.kept, 1)) as tax_minor
      from placed p
      join parts k on k.id = p.id
      left join less s on s.id = k.id and s.place = k.place
    union all
    select p.period, p.currency, null, null, null, null, null, p.id, 0,
           round((p.tax_minor - coalesce(u.tax, 0)) * coalesce(p.kept, 1))
      from placed p
      left join sums u on u.id = p.id
     where p.tax_minor - coalesce(u.tax, 0) <> 0
  )
  select r.period, r.currency, r.zone, r.category, r.rate_id, r.percent, r.included, sum(r.base_minor), sum(r.tax_minor),
         count(distinct r.id)
    from rows r
   group by 1, 2, 3, 4, 5, 6, 7
   order by 1, 2, 3 nulls first, 4, 6, 5
$$;

-- What tax adds to a line's price; nothing where it lies in it.
create or replace function order_line_tax_added(p_quote jsonb, p_line uuid, p_tax bigint) returns bigint language sql immutable as $$
  select coalesce(
    (select coalesce((x->>'tax_added')::bigint, 0) from jsonb_array_elements(
       case when jsonb_typeof(p_quote->'lines') = 'array' then p_quote->'lines' else '[]' end) x
      where x->>'line_id' = p_line::text limit 1),
    case when p_quote->'tax_included' = 'true' then 0 else p_tax end)
$$;
