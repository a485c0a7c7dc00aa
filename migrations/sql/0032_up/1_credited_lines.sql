-- What of a line's price, tax included, is no longer asked for: every step that credits some of it counts it here, so
-- that none gives the same price back again.
alter table order_line add column credited_minor natural_minor not null default 0;
with back as (
  select r.line_id, sum(r.credited_minor) as credited from order_return_line r group by r.line_id
), refunded as (
  -- What was credited for a refund that failed stays credited: the customer is owed it. Where it was asked for again, the
  -- line is bounded by its price, and the lines by what the order was credited.
  select f.order_id, x->>'line_id' as line_id, sum((x->>'amount_minor')::bigint) as credited
    from order_refund f
   cross join lateral jsonb_array_elements(f.lines) x
   where f.return_id is null
   group by f.order_id, x->>'line_id'
), known as (
  select l.id, l.order_id, l.position, o.credited_minor as most, w.whole,
         coalesce(b.credited, 0) + coalesce(f.credited, 0)
           + case when o.status = 'canceled' then 0 else w.whole * l.quantity_canceled / l.quantity end as credited
    from order_line l
    join orders o on o.id = l.order_id and o.credited_minor > 0
    left join back b on b.line_id = l.id
    left join refunded f on f.order_id = l.order_id and f.line_id = l.id::text
   cross join lateral (
     select l.total_minor + coalesce(
         (select coalesce((x->>'tax_added')::bigint, 0) from jsonb_array_elements(
            case when jsonb_typeof(o.quote->'lines') = 'array' then o.quote->'lines' else '[]' end) x
           where x->>'line_id' = l.id::text limit 1),
         case when o.quote->'tax_included' = 'true' then 0 else l.tax_minor end) as whole) w
), running as (
  -- Of an order no more than it was credited: what is more was goodwill.
  select id, order_id, most, least(credited, whole) as credited,
         coalesce(sum(least(credited, whole)) over (partition by order_id order by position
           rows between unbounded preceding and 1 preceding), 0) as before
    from known
)
update order_line l set credited_minor = least(r.credited, r.most - r.before)
  from running r where r.order_id = l.order_id and r.id = l.id and r.credited > 0 and r.before < r.most;
alter table order_line add constraint order_line_credited check (credited_minor <= total_minor + tax_minor);
