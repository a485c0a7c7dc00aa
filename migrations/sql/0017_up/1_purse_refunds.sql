-- What a purse paid of an order: so many units, minor units of its currency or points, each worth unit_minor of the
-- order's. What is given back is counted here, so that no refund gives more than was taken.
create table purse_payment (
  order_id uuid not null,
  purse_id uuid not null,
  -- Which was used first, second and so on.
  place bigint not null,
  units bigint not null check (units > 0),
  unit_minor bigint not null check (unit_minor > 0),
  units_returned bigint not null default 0,
  -- A purse pays for an order once.
  primary key (order_id, purse_id),
  constraint purse_payment_never_more_than_taken check (units_returned between 0 and units)
);

-- A refund, or the cancellation, of an order whose purses were asked: it counts once, however often it is carried out.
create table purse_refund (
  id uuid primary key,
  order_id uuid not null,
  -- The most that was to be given back; null: all of it.
  asked_minor natural_minor,
  returned_minor natural_minor not null default 0,
  -- Earned points that are no longer deserved, and what of them was there to be taken.
  points_due bigint not null default 0 check (points_due >= 0),
  points_taken bigint not null default 0,
  at timestamptz not null,
  constraint purse_refund_within check (returned_minor <= asked_minor),
  constraint purse_refund_points check (points_taken between 0 and points_due)
);
create index purse_refund_by_order on purse_refund (order_id);

alter table purse_movement add column refund_id uuid;

insert into purse_payment (order_id, purse_id, place, units, unit_minor, units_returned)
select m.order_id, m.purse_id, row_number() over (partition by m.order_id order by t.place nulls last, m.purse_id), m.units,
       greatest(1, coalesce(t.amount_minor, m.units) / m.units), least(m.returned, m.units)
  from (
    select order_id, purse_id, -sum(amount) filter (where kind = 'charge') as units,
           coalesce(sum(amount) filter (where kind = 'refund'), 0) as returned
      from purse_movement where order_id is not null group by order_id, purse_id) m
  left join lateral (
    -- What points were worth is told by the order they paid.
    select w.place, (w.paid->'amount'->>'amount')::bigint as amount_minor
      from orders o, jsonb_array_elements(o.quote->'tenders') with ordinality w(paid, place)
     where o.id = m.order_id and w.paid->>'id' = m.purse_id::text limit 1) t on true
 where m.units > 0;

insert into purse_refund (id, order_id, returned_minor, points_due, points_taken, at)
select m.order_id, m.order_id, coalesce(min(p.minor), 0), coalesce(-sum(m.amount) filter (where m.kind = 'earn'), 0),
       coalesce(-sum(m.amount) filter (where m.kind = 'earn'), 0), max(m.at)
  from purse_movement m
  left join (select order_id, sum(units_returned * unit_minor)::bigint as minor from purse_payment group by order_id) p
    on p.order_id = m.order_id
 where m.order_id is not null and (m.kind = 'refund' or (m.kind = 'earn' and m.amount < 0))
 group by m.order_id;
update purse_movement set refund_id = order_id where order_id is not null and (kind = 'refund' or (kind = 'earn' and amount < 0));
