-- One checkout for each of the carts :first to :last, with everything told that is asked before an order.
begin;
create temp table moment on commit drop as select clock_timestamp() as at, clock_timestamp() + interval '6 hours' as until;
insert into checkout (id, cart_id, status, version, email, shipping_address, shipping_method, payment_method,
  shown_total_minor, created_at, updated_at, expires_at)
select pg_temp.bench_id('006', c), pg_temp.bench_id('004', c), 'ready_for_complete', 1, 'shopper@example.com',
       '{"name": "Jo Shopper", "line1": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US"}',
       'standard', 'invoice', sum(l.quantity * l.unit_price_minor), m.at, m.at, m.until
  from generate_series(:first::bigint, :last::bigint) c
  join cart_line l on l.cart_id = pg_temp.bench_id('004', c), moment m
 group by c, m.at, m.until;
insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)
select k.id, 1, 'checkout', pg_temp.bench_id('008', c), 'checkout.created', '{}', 'guest', k.created_at
  from generate_series(:first::bigint, :last::bigint) c join checkout k on k.id = pg_temp.bench_id('006', c);
commit;
analyze checkout;
