-- add3 on one product that everybody wants.
\set c random(1, 10000)
begin;
update product set held = held + 1 where id = 42 and on_hand - held >= 1;
insert into line(cart_id, product_id, quantity, price_minor) values (:c, 42, 1, 100) on conflict (cart_id, product_id) do update set quantity = line.quantity + 1;
update cart set version = version + 1, updated_at = now() where id = :c;
commit;
