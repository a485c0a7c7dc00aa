-- Guest carts :first to :last of :lines lines each, their stock held, as if each had been filled by one request.
-- Written row by row into the tables the write path writes, so that the audit finds nothing to object to.
begin;
set local jit = off;
create temp table wanted on commit drop as
select c as cart, (c * 7919 + k * 1999) % :products + 1 as product, count(*) as quantity
  from generate_series(:first::bigint, :last::bigint) c, generate_series(1, :lines) k
 group by 1, 2;
create temp table moment on commit drop as
select clock_timestamp() as at, clock_timestamp() + :'hold_ttl'::interval as until;

insert into cart (id, version, currency, channel, token_hash, line_count, total_quantity, created_at, updated_at, expires_at)
select pg_temp.bench_id('004', cart), 1, 'USD', 'default', sha256(pg_temp.bench_token(cart)::bytea),
       count(*), sum(quantity), at, at, at + interval '30 days'
  from wanted, moment group by cart, at;
insert into cart_line (id, cart_id, variant_id, quantity, unit_price_minor, added_at, updated_at)
select pg_temp.bench_id('005', (cart << 10) + row_number() over (partition by cart order by product)),
       pg_temp.bench_id('004', cart), pg_temp.bench_id('002', product), quantity, 100 + product, at, at
  from wanted, moment;
insert into reservation (id, owner_kind, held_since, expires_at)
select distinct pg_temp.bench_id('004', cart), 'cart'::reservation_owner, at, until from wanted, moment;
insert into hold (reservation_id, variant_id, location_id, quantity, due_at)
select pg_temp.bench_id('004', w.cart), s.variant_id, s.location_id, w.quantity, m.until
  from wanted w join stock s on s.variant_id = pg_temp.bench_id('002', w.product), moment m;
insert into stock_movement (variant_id, location_id, version, kind, quantity,
  on_hand_before, on_hand_after, held_before, held_after, actor, reference_kind, reference_id, at)
select s.variant_id, s.location_id, s.version + row_number() over w, 'hold', h.quantity,
       s.on_hand, s.on_hand, s.held + sum(h.quantity) over w - h.quantity, s.held + sum(h.quantity) over w,
       'guest', 'cart', pg_temp.bench_id('004', h.cart), m.at
  from wanted h join stock s on s.variant_id = pg_temp.bench_id('002', h.product), moment m
window w as (partition by h.product order by h.cart rows unbounded preceding);
update stock s
   set held = s.held + h.quantity, version = s.version + h.movements, next_due_at = least(s.next_due_at, m.until)
  from (select product, sum(quantity) as quantity, count(*) as movements from wanted group by 1) h, moment m
 where s.variant_id = pg_temp.bench_id('002', h.product);
insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)
select pg_temp.bench_id('004', cart), 1, 'cart', pg_temp.bench_id('007', cart), 'cart.items_added',
       jsonb_build_object('total_quantity', sum(quantity), 'changes', jsonb_agg(jsonb_build_object(
         'op', 'add', 'outcome', 'OK', 'variant_id', pg_temp.bench_id('002', product), 'before', 0, 'after', quantity))),
       'guest', at
  from wanted, moment group by cart, at;
commit;
