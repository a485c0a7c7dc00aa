-- Add to cart as three statements in a transaction, without hold, movement, event or idempotency record.
\set c random(1, 10000)
\set p (:c*7919 + random(1,5)*1999)%10000 + 1
begin;
update product set held = held + 1 where id = :p and on_hand - held >= 1;
insert into line(cart_id, product_id, quantity, price_minor) values (:c, :p, 1, 100) on conflict (cart_id, product_id) do update set quantity = line.quantity + 1;
update cart set version = version + 1, updated_at = now() where id = :c;
commit;
