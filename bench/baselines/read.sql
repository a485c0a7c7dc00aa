-- A cart of five lines with its products: the least a shop reads to show it.
\set c random(1, 10000)
select l.product_id, l.quantity, l.price_minor, p.name, p.price_minor, p.on_hand - p.held, k.version from cart k join line l on l.cart_id = k.id join product p on p.id = l.product_id where k.id = :c;
