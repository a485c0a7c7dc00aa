-- Add to cart with everything that must be written down: the bar of our own add to cart.
\set c random(1, 10000)
\set p (:c*7919 + random(1,5)*1999)%10000 + 1
begin;
update cart set version = version + 1, updated_at = now() where id = :c and status = 'active' returning version;
update product set held = held + 1 where id = :p and on_hand - held >= 1 returning on_hand, held;
insert into line(cart_id, product_id, quantity, price_minor) values (:c, :p, 1, 100) on conflict (cart_id, product_id) do update set quantity = line.quantity + 1;
insert into hold(cart_id, product_id, quantity, expires_at) values (:c, :p, 1, now() + interval '15 minutes') on conflict (cart_id, product_id) do update set quantity = hold.quantity + 1, expires_at = excluded.expires_at;
insert into movement(product_id, kind, quantity, on_hand, held) values (:p, 'hold', 1, 1000000000, 1);
insert into event(cart_id, version, type, data) values (:c, 1, 'cart.line_added', '{"product_id": 1, "quantity": 1}');
insert into idempotency(owner, key, answer) values (:c, gen_random_uuid(), '{"id": 1, "lines": []}');
select l.product_id, l.quantity, l.price_minor, p.name, p.on_hand - p.held from line l join product p on p.id = l.product_id where l.cart_id = :c;
commit;
