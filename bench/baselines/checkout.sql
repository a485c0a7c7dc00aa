-- An order of three lines out of a cart, with stock, movements, event and idempotency record.
\set c random(1, 10000)
\set a (:c*7919 + 1999)%10000 + 1
\set b (:c*7919 + 3998)%10000 + 1
\set d (:c*7919 + 5997)%10000 + 1
begin;
update cart set version = version + 1, updated_at = now() where id = :c returning version;
with k as (select id from product where id in (:a, :b, :d) order by id for update) update product p set on_hand = p.on_hand - 1 from k where p.id = k.id and p.on_hand - p.held >= 1;
insert into movement(product_id, kind, quantity, on_hand, held) values (:a::int, 'commit', 1, 1000000000, 1), (:b::int, 'commit', 1, 1000000000, 1), (:d::int, 'commit', 1, 1000000000, 1);
with o as (insert into orders(id, cart_id, total_minor) values (gen_random_uuid(), :c, 300) returning id) insert into order_line(order_id, product_id, quantity, price_minor) select o.id, x.p, 1, 100 from o, (values (:a::int), (:b::int), (:d::int)) x(p);
insert into event(cart_id, version, type, data) values (:c, 1, 'order.placed', '{"total": 300}');
insert into idempotency(owner, key, answer) values (:c, gen_random_uuid(), '{"order": 1}');
commit;
