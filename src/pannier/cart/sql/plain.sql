-- Most of what shops are asked: one more of a product, in a cart that is promised things already. Those of a batch are
-- carried out by one statement for all, not by a dozen for each; what is not as plain as that goes step by step, and
-- what comes of it is the same either way (tests/properties/test_batch.py).
--
-- A request is marked by its sender: adds, where it names the variant of every change; plain_add, where it is one
-- change {op: add, line_id, variant_id, quantity > 0, listed_minor?, shelf_minor?, shown_minor?} and nothing else.
-- Everything is locked as cart_lock does it. Answers {position: result} of the requests that were carried out.
create or replace function cart_add_plain(
  p_requests jsonb, p_carts uuid[], p_is_mine boolean[], p_lapsed uuid[], p_policy cart_policy, p_now timestamptz
) returns jsonb language plpgsql as $$
declare
  v_done jsonb;
begin
  if p_policy.stock <> 'hold' or cardinality(p_lapsed) > 0
     or exists (select 1 from jsonb_array_elements(p_requests) x where not x.value ? 'adds')
  then
    return null;
  end if;
  with asked as materialized (
    select x.n, x.request, c.id as cart_id, l.id as line_id, (x.change->>'line_id')::uuid as new_line_id,
           (x.change->>'variant_id')::uuid as variant_id, (x.change->>'quantity')::bigint as quantity,
           coalesce(l.quantity, 0)::bigint as before, r.expires_at as until,
           -- Of a line that is there its own: what it costs by now is none of an add's business.
           coalesce(l.price, o.price) as price,
           coalesce((x.change->>'shelf_minor')::bigint, l.price, o.price) as shelf,
           coalesce((x.change->>'shown_minor')::bigint, l.price, o.price) as shown,
           coalesce(x.request ? 'plain_add' and p_is_mine[x.n] and i.is_known is null
             and (not x.request ? 'cart_id' or (x.request->>'cart_id')::uuid = c.id)
             and r.expires_at > p_now
             and v.is_sellable and (v.channels is null or c.channel = any(v.channels))
             and k.is_tracked and coalesce(h.state, 'held') = 'held' and coalesce(h.quantity, 0) = coalesce(l.all_units, 0)
             and (l.id is not null or (o.price is not null
               and ((x.change->>'listed_minor') is null or (x.change->>'listed_minor')::bigint = o.price)))
             and coalesce(l.all_units, 0) + (x.change->>'quantity')::bigint
                 <= coalesce(least(nullif(p_policy.line_quantity_max, 0), v.quantity_max), 9223372036854775807)
             and (p_policy.cart_quantity_max = 0
                  or c.total_quantity + (x.change->>'quantity')::bigint <= p_policy.cart_quantity_max)
             and (p_policy.line_count_max = 0 or l.id is not null or c.line_count < p_policy.line_count_max),
             false) as is_plain
      from (select e.ordinality::integer as n, e.value as request, e.value->'changes'->0 as change
              from jsonb_array_elements(p_requests) with ordinality e) x
      left join lateral (
        select true as is_known from idempotency_record j
         where j.owner = decode(x.request->>'idem_owner', 'hex') and j.key = x.request->>'idem_key' limit 1) i on true
      left join lateral (
        select j.id, j.channel, j.currency, j.line_count, j.total_quantity from cart j
         where j.id = p_carts[x.n] and j.status in ('active', 'abandoned') limit 1) c on true
      left join lateral (select j.expires_at from reservation j where j.id = c.id limit 1) r on true
      left join lateral (
        select j.is_sellable, j.channels, j.quantity_max, j.plain_prices, j.has_other_prices from variant j
         where j.id = (x.change->>'variant_id')::uuid limit 1) v on true
      left join lateral (
        select case when not v.has_other_prices then (v.plain_prices->c.currency->>0)::bigint end as price) o on true
      left join lateral (
        select (array_agg(j.id) filter (where j.merge_key = ''))[1] as id, sum(j.quantity) as all_units,
               (array_agg(j.unit_price_minor) filter (where j.merge_key = ''))[1] as price,
               sum(j.quantity) filter (where j.merge_key = '') as quantity
          from cart_line j where j.cart_id = c.id and j.variant_id = (x.change->>'variant_id')::uuid) l on true
      left join lateral (
        select j.is_tracked from stock j where j.variant_id = (x.change->>'variant_id')::uuid
           and j.location_id = '00000000-0000-7000-8000-000000000001' limit 1) k on true
      left join lateral (
        select j.state, j.quantity from hold j where j.reservation_id = c.id and j.variant_id = (x.change->>'variant_id')::uuid
           and j.location_id = '00000000-0000-7000-8000-000000000001' limit 1) h on true
  ),
  -- What somebody goes after step by step, too, goes to whoever came first.
  contested as materialized (
    select array(select (y.value->>'variant_id')::uuid
                   from asked a cross join lateral jsonb_array_elements(a.request->'changes') y
                  where not a.is_plain) as ids),
  wanted as materialized (
    select a.variant_id, sum(a.quantity)::bigint as units, count(*) as times, min(a.until) as until
      from asked a cross join contested c
     where a.is_plain and a.variant_id <> all(c.ids)
     group by a.variant_id),
  -- This decides, for all who want the same of it: where it is not enough for all, they go step by step.
  had as (
    update stock s
       set held = s.held + w.units, version = s.version + w.times, next_due_at = least(s.next_due_at, w.until)
      from wanted w
     where s.variant_id = any(array(select u.variant_id from wanted u)) and s.variant_id = w.variant_id
       and s.location_id = '00000000-0000-7000-8000-000000000001'
       and (s.backorder_max is null or s.held + w.units <= s.on_hand + s.backorder_max - s.safety_quantity)
    returning s.variant_id, s.on_hand, s.held, s.version, w.units, w.times),
  taken as materialized (
    select a.*, coalesce(a.line_id, a.new_line_id) as id, s.on_hand,
           s.held - s.units + sum(a.quantity) over before_it as held,
           s.version - s.times + count(*) over before_it as version
      from asked a join had s on s.variant_id = a.variant_id
     where a.is_plain
    window before_it as (partition by a.variant_id order by a.n)),
  booked as (
    insert into stock_movement (variant_id, location_id, version, kind, quantity, on_hand_before, on_hand_after,
      held_before, held_after, reason, actor, device, correlation_id, reference_kind, reference_id, at)
    select t.variant_id, '00000000-0000-7000-8000-000000000001', t.version, 'hold', t.quantity, t.on_hand, t.on_hand,
           t.held - t.quantity, t.held, '', coalesce(t.request->>'actor', 'guest'), t.request->>'device',
           t.request->>'correlation_id', 'cart', t.cart_id, p_now
      from taken t),
  promised as (
    insert into hold as h (reservation_id, variant_id, location_id, quantity, state, due_at)
    select t.cart_id, t.variant_id, '00000000-0000-7000-8000-000000000001', t.quantity, 'held', t.until from taken t
    on conflict (reservation_id, variant_id, location_id) do update set quantity = h.quantity + excluded.quantity),
  lined as (
    insert into cart_line as l (id, cart_id, variant_id, merge_key, quantity, unit_price_minor, is_price_fixed,
      shelf_minor, shown_minor, is_selected, added_at, updated_at)
    select t.id, t.cart_id, t.variant_id, '', t.quantity, t.price, false, t.shelf, t.shown, true, p_now, p_now
      from taken t
    on conflict (cart_id, variant_id, merge_key) do update
      set quantity = l.quantity + excluded.quantity, updated_at = excluded.updated_at)
  select jsonb_object_agg(t.n, jsonb_build_object('op', 'add', 'outcome', 'OK', 'line_id', t.id,
           'variant_id', t.variant_id, 'before', t.before, 'after', t.before + t.quantity, 'details', null,
           'price', case when t.line_id is null then t.price end))
    into v_done from taken t;
  return v_done;
end $$;
