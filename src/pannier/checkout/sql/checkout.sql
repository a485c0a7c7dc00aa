-- A checkout is two calls in one transaction, with the decision between them in Python: checkout_lock, which
-- changes nothing but holds that are due, and checkout_save or checkout_place.
-- Order of locks: idempotency key (tried) · cart · checkout · reservation · stock · purses · coupons · the price book.

-- The cart of a checkout, or without one p_cart or that of its owner; null when the asker has none such.
create or replace function checkout_cart(
  p_checkout uuid, p_token bytea, p_user text, p_is_staff boolean, p_channel text, p_cart uuid default null
) returns uuid language plpgsql stable as $$
begin
  if p_cart is not null then
    return (select c.id from cart c where c.id = p_cart and (c.token_hash = p_token or c.user_id = p_user));
  elsif p_checkout is null then
    return (select c.id from cart_of_owner(p_token, p_user, p_channel) c);
  end if;
  return (select c.id from cart c
           where c.id = (select k.cart_id from checkout k where k.id = p_checkout)
             and (p_is_staff or c.token_hash = p_token or c.user_id = p_user));
end $$;

-- The session, its cart as it is now, and the order it became, as JSON. aside: what else its figures depend on, as
-- {coupons, purses, gifts, payment}: the cart's codes with the uses of the session's address, the purses that the session
-- names, or is told now (p_told), how many units there are of each of p_gifts, and the payment that is under way.
create or replace function checkout_documents(
  k checkout, c cart, p_now timestamptz, p_is_stock_locked boolean, p_gifts uuid[], p_told jsonb,
  out session text, out basket text, out placed text, out aside text
) language plpgsql stable as $$
begin
  if k.id is not null then
    session := row_to_json(k)::text;
  end if;
  if k.status = 'completed' then
    placed := (select order_document(o.id) from orders o where o.checkout_id = k.id);
    return;
  end if;
  basket := (select d.document from cart_documents(array[c.id], p_now, p_is_stock_locked) d);
  if c.coupons is not null or k.tenders is not null or p_told is not null or cardinality(p_gifts) > 0
     or k.status in ('complete_in_progress', 'requires_escalation') then
    aside := json_build_object(
      'payment', case when k.status in ('complete_in_progress', 'requires_escalation') then
                   payment_document(payment_open(k.id))::json end,
      'coupons', case when c.coupons is not null then coupon_documents(c.coupons, c.user_id, k.email) end,
      'purses', case when k.tenders is not null or p_told is not null then purses_named(k.tenders, p_told, c.user_id) end,
      'gifts', (select json_object_agg(g.id, case when s.is_tracked then
                       stock_available(s, p_now) end)
                  from unnest(p_gifts) g(id)
                 cross join lateral (
                   select w.* from stock w where w.variant_id = g.id
                      and w.location_id = '00000000-0000-7000-8000-000000000001' limit 1) s))::text;
  end if;
end $$;

create or replace function checkout_read(
  p_checkout uuid, p_token bytea, p_user text, p_is_staff boolean, p_offset interval, p_gifts uuid[],
  out read_at timestamptz, out session text, out basket text, out placed text, out aside text
) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cart uuid := checkout_cart(p_checkout, p_token, p_user, p_is_staff, null);
begin
  read_at := clock_timestamp() + p_offset;
  if v_cart is not null then
    select d.session, d.basket, d.placed, d.aside into session, basket, placed, aside
      from checkout k
      left join cart c on c.id = v_cart
     cross join lateral checkout_documents(k, c, read_at, false, p_gifts, null) d
     where k.id = p_checkout;
  end if;
end $$;

-- Takes every lock a change needs, and shows what is there under them. Without p_checkout: the owner's open cart
-- and the open checkout over it, if there is one. outcome: null, NOT_FOUND, or what idempotency_begin says.
create or replace function checkout_lock(
  p_checkout uuid, p_token bytea, p_user text, p_is_staff boolean, p_channel text,
  p_idem_owner bytea, p_idem_key text, p_idem_hash bytea, p_locks_stock boolean, p_offset interval,
  p_cart uuid, p_gifts uuid[], p_locked_gifts uuid[], p_told jsonb,
  out outcome text, out answer text, out locked_at timestamptz, out session text, out basket text, out placed text,
  out aside text
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cart uuid;
  c cart;
  k checkout;
  d record;
  cause movement_cause;
begin
  d := idempotency_begin(p_idem_owner, p_idem_key, p_idem_hash);
  if d.outcome is not null then
    outcome := d.outcome;
    answer := d.answer;
    return;
  end if;
  v_cart := checkout_cart(p_checkout, p_token, p_user, p_is_staff, p_channel, p_cart);
  locked_at := clock_timestamp() + p_offset;
  if v_cart is null then
    outcome := 'NOT_FOUND';
    return;
  end if;
  -- What is read with the lock is what is there under it.
  select t.* into c from cart t where t.id = v_cart for update;
  if p_checkout is null then
    select t.id into p_checkout from checkout t
     where t.cart_id = v_cart
       and t.status in ('incomplete', 'ready_for_complete', 'complete_in_progress', 'requires_escalation');
  end if;
  select t.* into k from checkout t where t.id = p_checkout for update;
  -- Before the stock: a sweeper that has this reservation locked may be waiting for the stock.
  perform 1 from reservation where id = v_cart for update;
  locked_at := clock_timestamp() + p_offset;
  if p_locks_stock then
    cause.actor := 'system';
    locked_at := stock_lock(array(
      select l.variant_id from cart_line l where l.cart_id = v_cart
      union select h.variant_id from hold h where h.reservation_id = v_cart
      union select unnest(p_locked_gifts)), p_offset, cause);
  end if;
  d := checkout_documents(k, c, locked_at, p_locks_stock, p_gifts, p_told);
  session := d.session;
  basket := d.basket;
  placed := d.placed;
  aside := d.aside;
end $$;

-- Holds for the cart what its checkout lacks, for as long as the checkout lives. p_units is [[variant, quantity], ...].
create or replace function checkout_hold(p_cart uuid, p_units jsonb, p_ttl interval, p_cap interval, p_cause movement_cause)
returns void language plpgsql as $$
declare
  u record;
  v_until timestamptz := reservation_renew(p_cart, 'checkout', p_cause.at, p_ttl, p_cap);
begin
  for u in select (x->>0)::uuid as variant_id, (x->>1)::bigint as quantity from jsonb_array_elements(p_units) x order by 1 loop
    if not stock_hold(p_cart, u.variant_id, '00000000-0000-7000-8000-000000000001', u.quantity, false, v_until, p_cause) then
      raise exception 'stock of variant % moved under its lock', u.variant_id;
    end if;
  end loop;
end $$;

-- Gives units back that the cart was promised for as long as it was being paid.
create or replace function checkout_let_go(p_cart uuid, p_units jsonb, p_cause movement_cause) returns void language plpgsql as $$
declare
  u record;
begin
  for u in
    select h.variant_id, h.location_id, least(h.quantity, (x->>1)::bigint) as quantity
      from jsonb_array_elements(p_units) x
     cross join lateral (
       select k.* from hold k where k.reservation_id = p_cart and k.variant_id = (x->>0)::uuid
          and k.location_id = '00000000-0000-7000-8000-000000000001' limit 1) h
     order by 1
  loop
    perform stock_release(p_cart, u.variant_id, u.location_id, u.quantity, 'release', p_cause);
  end loop;
  delete from reservation where id = p_cart and not exists (select 1 from hold h where h.reservation_id = p_cart);
end $$;

-- Stores a session as it should be, new or not. p_save: {session, events, actor, device?, correlation_id?, at,
-- expired? (an older session over the cart whose time is up), hold? {units, ttl, cap}, lets_go?, and of payments:
-- attempt? (one that begins), challenged? {id, due_at}, closed? {id, failure?, due_at, held?}}.
create or replace function checkout_save(
  p_save jsonb, p_idem_owner bytea, p_idem_key text, p_idem_hash bytea, p_answer text
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  k checkout := jsonb_populate_record(null::checkout, p_save->'session');
  cause movement_cause := (p_save->>'actor', p_save->>'device', p_save->>'correlation_id', 'checkout', k.id, null, p_save->>'at');
begin
  if p_save ? 'expired' then
    update checkout set status = 'expired', version = version + 1, updated_at = cause.at where id = (p_save->>'expired')::uuid;
  end if;
  if p_save ? 'closed' then
    -- The stock first: attempts are locked last of all.
    if jsonb_typeof(p_save->'closed'->'held') = 'array' then
      perform checkout_let_go(k.cart_id, p_save->'closed'->'held', cause);
    end if;
    perform payment_close((p_save->'closed'->>'id')::uuid, nullif(p_save->'closed'->'failure', 'null'),
      (p_save->'closed'->>'due_at')::timestamptz, cause.at);
  end if;
  insert into checkout as c select k.*
  on conflict (id) do update set status = excluded.status, version = excluded.version, line_ids = excluded.line_ids,
    email = excluded.email, shipping_address = excluded.shipping_address, billing_address = excluded.billing_address,
    shipping_method = excluded.shipping_method, payment_method = excluded.payment_method, note = excluded.note,
    metadata = excluded.metadata, shown_total_minor = excluded.shown_total_minor, tenders = excluded.tenders,
    shown_promotions = excluded.shown_promotions, shown_gifts = excluded.shown_gifts, provided = excluded.provided,
    shown_due_minor = excluded.shown_due_minor, updated_at = excluded.updated_at,
    payment_failure = excluded.payment_failure, draft = excluded.draft, expires_at = excluded.expires_at;
  if p_save ? 'hold' then
    perform checkout_hold(k.cart_id, p_save->'hold'->'units', (p_save->'hold'->>'ttl')::interval,
      (p_save->'hold'->>'cap')::interval, cause);
  elsif p_save ? 'lets_go' then
    perform reservation_end(k.cart_id, cause);
  end if;
  if p_save ? 'attempt' then
    perform payment_begin(p_save->'attempt', cause.actor, cause.correlation_id, cause.at);
  elsif p_save ? 'challenged' then
    perform payment_challenged((p_save->'challenged'->>'id')::uuid, (p_save->'challenged'->>'due_at')::timestamptz);
  end if;
  perform event_append(p_save->'events', cause.actor, cause.device, cause.correlation_id, cause.at);
  perform idempotency_keep(p_idem_owner, p_idem_key, p_idem_hash, p_answer, cause.at);
end $$;

-- Turns a locked checkout into its order: stock, payments beside money, uses of codes, order, cart, session, events and
-- the answer, all or nothing. Raises PN010 and PN011 where somebody else was quicker: see coupon_claim, purse_charge.
-- p_place: {order, cart_id, rest_id?, stock, codes?, promotions?, charges?, on, earns?, orders_before?, payment? (see
-- payment_place), session {id, version, payment_method,
-- shipping_method, shown_total_minor}, events, actor, device?, correlation_id?, at}; p_lines the cart lines that are ordered, and
-- p_quantities units of p_variants, what they come to of counted goods.
create or replace function checkout_place(
  p_place jsonb, p_lines uuid[], p_variants uuid[], p_quantities bigint[],
  p_idem_owner bytea, p_idem_key text, p_idem_hash bytea, p_answer text
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cart uuid := (p_place->>'cart_id')::uuid;
  v_order uuid := (p_place->'order'->>'id')::uuid;
  v_session jsonb := p_place->'session';
  cause movement_cause := (p_place->>'actor', p_place->>'device', p_place->>'correlation_id', 'order', v_order, null, p_place->>'at');
begin
  perform order_place(p_place->'order', v_cart, cause.actor, cause.correlation_id);
  if cardinality(p_variants) > 0 then
    perform order_claim_stock(v_order, v_cart, p_place->>'stock', p_variants, p_quantities, cause);
  end if;
  if p_place ?| array['charges', 'earns'] then
    -- All of them by id, before the first one is changed.
    perform 1 from purse p where p.id in (select (x->>'id')::uuid from jsonb_array_elements(p_place->'charges') x)
      or (p_place ? 'earns' and p.kind = 'points' and p.user_id = (select o.user_id from orders o where o.id = v_order))
     order by p.id for no key update;
  end if;
  if p_place ? 'charges' then
    perform purse_charge(v_order, p_place->'charges', o.user_id, cause.actor, cause.correlation_id, cause.at,
      (p_place->>'on')::date) from orders o where o.id = v_order;
  end if;
  if p_place ? 'earns' then
    perform purse_earn(v_order, o.user_id, (p_place->'earns'->>'points')::bigint, (p_place->'earns'->>'purse_id')::uuid,
      cause.actor, cause.correlation_id, cause.at) from orders o where o.id = v_order;
  end if;
  if p_place ? 'orders_before' then
    perform order_is_nth(v_order, (p_place->>'orders_before')::bigint);
  end if;
  if p_place ? 'promotions' then
    perform coupon_claim(v_order, array(select jsonb_array_elements_text(p_place->'codes')),
      array(select jsonb_array_elements_text(p_place->'promotions')::uuid), o.user_id, o.email, cause.at)
       from orders o where o.id = v_order;
  end if;
  if p_place ? 'payment' then
    perform payment_place(p_place->'payment', v_order, cause.actor, cause.correlation_id, cause.at);
  end if;
  perform cart_convert(v_cart, p_lines, (p_place->>'rest_id')::uuid, cause);
  update checkout
     set status = 'completed', version = (v_session->>'version')::bigint, updated_at = cause.at,
         payment_method = v_session->>'payment_method', shipping_method = v_session->>'shipping_method',
         shown_total_minor = (v_session->>'shown_total_minor')::bigint, payment_failure = null
   where id = (v_session->>'id')::uuid;
  perform event_append(p_place->'events', cause.actor, cause.device, cause.correlation_id, cause.at);
  if p_place ? 'rest_id' then
    perform cart_tell_rest(v_cart, (p_place->>'rest_id')::uuid);
  end if;
  perform idempotency_keep(p_idem_owner, p_idem_key, p_idem_hash, p_answer, cause.at);
end $$;
