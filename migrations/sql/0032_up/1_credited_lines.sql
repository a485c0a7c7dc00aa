-- What of a line's price, tax included, is no longer asked for: every step that credits some of it counts it here, so
-- that none gives the same price back again.
alter table order_line add column credited_minor natural_minor not null default 0;
with known as (
  select l.id, l.order_id, l.position, o.credited_minor as most, w.whole,
         coalesce((select sum(r.credited_minor) from order_return_line r where r.line_id = l.id), 0)
           + coalesce((select sum((x->>'amount_minor')::bigint) from order_refund f
                        cross join lateral jsonb_array_elements(f.lines) x
                        where f.order_id = l.order_id and f.state <> 'failed' and f.return_id is null
                          and x->>'line_id' = l.id::text), 0)
           + case when o.status = 'canceled' then 0 else w.whole * l.quantity_canceled / l.quantity end as credited
    from order_line l
    join orders o on o.id = l.order_id and o.credited_minor > 0
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
