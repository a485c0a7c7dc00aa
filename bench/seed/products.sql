-- :products products of one variant each, a thousand million on hand.
begin;
insert into product (id, slug, name, summary, position)
select pg_temp.bench_id('001', n), 'product-' || n, 'Product ' || n, 'A thing to measure with', n
  from generate_series(1, :products) n;
insert into variant (id, product_id, sku)
select pg_temp.bench_id('002', n), pg_temp.bench_id('001', n), 'SKU-' || n from generate_series(1, :products) n;
insert into price (id, variant_id, currency, amount_minor)
select pg_temp.bench_id('003', n), pg_temp.bench_id('002', n), 'USD', 100 + n from generate_series(1, :products) n;
insert into stock (variant_id, on_hand, version)
select pg_temp.bench_id('002', n), 1000000000, 1 from generate_series(1, :products) n;
insert into stock_movement (variant_id, location_id, version, kind, quantity,
  on_hand_before, on_hand_after, held_before, held_after, actor, at)
select variant_id, location_id, 1, 'receive', on_hand, 0, on_hand, 0, 0, 'bench', clock_timestamp() from stock;
select catalog_refresh_display(array(select id from product));
commit;
