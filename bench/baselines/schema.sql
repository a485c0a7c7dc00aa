-- The least tables that the baselines need: 10,000 products, and as many carts of five lines each.
drop table if exists order_line, orders, idempotency, event, movement, hold, line, cart, product cascade;
create table product(id int primary key, name text not null, price_minor bigint not null, on_hand int not null, held int not null default 0,
  check (held between 0 and on_hand)) with (fillfactor=80);
create table cart(id int primary key, token bytea not null unique, version bigint not null default 0, status text not null default 'active',
  updated_at timestamptz not null default now()) with (fillfactor=80);
create table line(cart_id int not null references cart(id), product_id int not null references product(id), quantity int not null,
  price_minor bigint not null, primary key(cart_id, product_id)) with (fillfactor=80);
create table hold(cart_id int not null, product_id int not null, quantity int not null, expires_at timestamptz not null, primary key(cart_id, product_id)) with (fillfactor=80);
create table movement(id bigserial primary key, product_id int not null, kind text not null, quantity int not null, on_hand int not null, held int not null, at timestamptz not null default now());
create table event(id bigserial primary key, cart_id int not null, version bigint not null, type text not null, data jsonb not null, at timestamptz not null default now());
create table idempotency(owner int not null, key uuid not null, answer jsonb not null, at timestamptz not null default now(), primary key(owner, key));
create table orders(id uuid primary key, cart_id int not null, total_minor bigint not null, at timestamptz not null default now());
create table order_line(order_id uuid not null references orders(id), product_id int not null, quantity int not null, price_minor bigint not null, primary key(order_id, product_id));
insert into product select g, 'Product '||g, 100+g, 1000000000 from generate_series(1,10000) g;
insert into cart select g, sha256(g::text::bytea) from generate_series(1,10000) g;
insert into line select c, ((c*7919+k*1999)%10000)+1, 1, 100 from generate_series(1,10000) c, generate_series(1,5) k on conflict do nothing;
insert into hold select cart_id, product_id, quantity, now()+interval '15 minutes' from line;
update product p set held = h.q from (select product_id, sum(quantity)::int q from hold group by 1) h where h.product_id = p.id;
vacuum analyze;
checkpoint;
