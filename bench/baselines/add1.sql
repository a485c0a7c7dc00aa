-- Add to cart as one statement: check the stock, write the line, move the cart on.
\set c random(1, 10000)
\set p (:c*7919 + random(1,5)*1999)%10000 + 1
with s as (update product set held = held + 1 where id = :p and on_hand - held >= 1 returning id, price_minor), l as (insert into line(cart_id, product_id, quantity, price_minor) select :c, s.id, 1, s.price_minor from s on conflict (cart_id, product_id) do update set quantity = line.quantity + 1 returning quantity) update cart set version = version + 1, updated_at = now() where id = :c and exists (select 1 from l) returning version;
