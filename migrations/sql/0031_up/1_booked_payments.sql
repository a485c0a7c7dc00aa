-- What of captured_minor each payment brought, by its id in minor units: whoever takes it up again books it once.
alter table orders add column booked jsonb not null default '{}';
update orders o set booked = p.booked
  from (select order_id, jsonb_object_agg(id, captured_minor) as booked, sum(captured_minor) as captured
          from payment_attempt where order_id is not null and captured_minor > 0 group by order_id) p
 where p.order_id = o.id and p.captured <= o.captured_minor;
