-- What a step of an order writes beside its state: money, parcels, refunds, returns. The order is locked.

-- Changes an order's money by p_money: {captured?, refunding?, refunded?, credited?, given_back?}. One conditional update
-- decides whether there is so much to give back; raises PN030 with what there is otherwise.
create or replace function order_money(p_order uuid, p_money jsonb) returns void language plpgsql as $$
begin
  update orders
     set captured_minor = captured_minor + coalesce((p_money->>'captured')::bigint, 0),
         refunding_minor = refunding_minor + coalesce((p_money->>'refunding')::bigint, 0),
         refunded_minor = refunded_minor + coalesce((p_money->>'refunded')::bigint, 0),
         credited_minor = credited_minor + coalesce((p_money->>'credited')::bigint, 0),
         given_back_minor = given_back_minor + coalesce((p_money->>'given_back')::bigint, 0)
   where id = p_order
     and refunding_minor + coalesce((p_money->>'refunding')::bigint, 0)
         <= captured_minor + coalesce((p_money->>'captured')::bigint, 0);
  if not found then
    raise exception using errcode = 'PN030',
      message = (select (captured_minor - refunding_minor)::text from orders where id = p_order);
  end if;
end $$;

-- Rows of a step: {booked?, credits?, shipment?, shipments_canceled?, sends_all?, refund?, settled?, return?, return_lines?}.
create or replace function order_rows(p_order uuid, p_rows jsonb, p_cause movement_cause) returns void language plpgsql as $$
begin
  if p_rows ? 'booked' then
    update orders
       set booked = booked || jsonb_build_object(p_rows->'booked'->>'payment_id',
             coalesce((booked->>(p_rows->'booked'->>'payment_id'))::bigint, 0) + (p_rows->'booked'->>'amount_minor')::bigint)
     where id = p_order;
  end if;
  if p_rows ? 'credits' then
    update order_line l set credited_minor = l.credited_minor + x.amount_minor
      from jsonb_to_recordset(p_rows->'credits') x(line_id uuid, amount_minor bigint)
     where l.order_id = p_order and l.id = x.line_id;
  end if;
  if p_rows ? 'sends_all' then
    update order_line set quantity_sent = quantity - quantity_canceled
     where order_id = p_order and quantity_sent < quantity - quantity_canceled;
  end if;
  if p_rows ? 'shipments_canceled' then
    update order_shipment set canceled_at = p_cause.at where order_id = p_order and canceled_at is null;
  end if;
  if p_rows ? 'shipment' then
    insert into order_shipment (id, order_id, number, carrier, tracking_number, tracking_url, items, actor, sent_at)
    select r.id, p_order, (select count(*) + 1 from order_shipment k where k.order_id = p_order), r.carrier, r.tracking_number,
           r.tracking_url, r.items, p_cause.actor, p_cause.at
      from jsonb_populate_record(null::order_shipment, p_rows->'shipment') r;
  end if;
  if p_rows ? 'return' then
    perform order_write_return(p_order, p_rows->'return', coalesce(p_rows->'return_lines', '[]'), p_cause);
  end if;
  if p_rows ? 'refund' then
    perform order_write_refund(p_order, p_rows->'refund', p_cause);
  end if;
  if p_rows ? 'settled' then
    update order_refund set state = p_rows->'settled'->>'state', failure = p_rows->'settled'->>'failure', due_at = null,
           updated_at = p_cause.at
     where id = (p_rows->'settled'->>'id')::uuid and state = 'pending';
    if not found then
      raise exception 'refund % was settled before', p_rows->'settled'->>'id';
    end if;
  end if;
end $$;

-- A refund, pending until it is given; gift cards and store credit have theirs at once.
create or replace function order_write_refund(p_order uuid, p_refund jsonb, p_cause movement_cause)
returns void language plpgsql as $$
declare
  r order_refund := jsonb_populate_record(null::order_refund, p_refund);
  o orders;
  v_less bigint;
begin
  insert into order_refund (id, order_id, number, state, amount_minor, given_back_minor, currency, lines, reason, return_id,
    actor, due_at, created_at, updated_at)
  values (r.id, p_order, (select count(*) + 1 from order_refund k where k.order_id = p_order),
    case when r.amount_minor = r.given_back_minor then 'succeeded' else 'pending' end, r.amount_minor, r.given_back_minor,
    r.currency, r.lines, coalesce(r.reason, ''), r.return_id, p_cause.actor,
    case when r.amount_minor > r.given_back_minor then p_cause.at end, p_cause.at, p_cause.at);
  select * into o from orders where id = p_order;
  -- Points are given back whole, so it may be a little less than was asked for. With the money, points that the order
  -- earned are taken back, as far as they are no longer deserved.
  v_less := r.given_back_minor - (purse_refund_part(p_order, r.id, r.given_back_minor, o.credited_minor, o.total_minor,
    coalesce(r.reason, ''), p_cause.actor, p_cause.correlation_id, p_cause.at)->>'returned_minor')::bigint;
  if v_less > 0 then
    update order_refund set amount_minor = amount_minor - v_less, given_back_minor = given_back_minor - v_less where id = r.id;
    update orders set given_back_minor = given_back_minor - v_less, credited_minor = greatest(0, credited_minor - v_less)
     where id = p_order;
    perform order_trim_credits(p_order, r.lines);
  end if;
end $$;

-- Takes credits of lines back that are more than the order was credited, those of p_lines first.
create or replace function order_trim_credits(p_order uuid, p_lines jsonb) returns void language plpgsql as $$
declare
  l record;
  v_over bigint := (select sum(k.credited_minor) from order_line k where k.order_id = p_order)
    - (select o.credited_minor from orders o where o.id = p_order);
begin
  for l in
    select k.id, least(k.credited_minor, v_over) as credited from order_line k
     where k.order_id = p_order and k.credited_minor > 0
     order by p_lines @> jsonb_build_array(jsonb_build_object('line_id', k.id)) desc, k.position desc
  loop
    exit when v_over <= 0;
    update order_line set credited_minor = credited_minor - least(l.credited, v_over) where order_id = p_order and id = l.id;
    v_over := v_over - least(l.credited, v_over);
  end loop;
end $$;

-- A return as it is now: made, or moved on from one of the states that it may be in.
create or replace function order_write_return(p_order uuid, p_return jsonb, p_lines jsonb, p_cause movement_cause)
returns void language plpgsql as $$
declare
  r order_return := jsonb_populate_record(null::order_return, p_return);
begin
  insert into order_return as k (id, order_id, number, state, reason, answer, exchange_for, credited_minor, actor, created_at,
    updated_at)
  values (r.id, p_order, (select count(*) + 1 from order_return n where n.order_id = p_order), r.state, coalesce(r.reason, ''),
    coalesce(r.answer, ''), coalesce(r.exchange_for, '[]'), coalesce(r.credited_minor, 0), p_cause.actor, p_cause.at, p_cause.at)
  on conflict (id) do update
     set state = excluded.state, answer = excluded.answer, credited_minor = excluded.credited_minor, updated_at = p_cause.at
   where k.order_id = p_order and k.state in ('requested', 'approved', 'received');
  if not found then
    raise exception 'return % is over', r.id;
  end if;
  insert into order_return_line as k (return_id, line_id, quantity, reason, restocked, written_off, credited_minor)
  select r.id, x.line_id, x.quantity, coalesce(x.reason, ''), coalesce(x.restocked, 0), coalesce(x.written_off, 0),
         coalesce(x.credited_minor, 0)
    from jsonb_populate_recordset(null::order_return_line, p_lines) x
  on conflict (return_id, line_id) do update
     set restocked = excluded.restocked, written_off = excluded.written_off, credited_minor = excluded.credited_minor;
end $$;

-- What came after an order's sale, as JSON: {shipments, refunds, returns}, oldest first.
create or replace function order_aftermath(p_order uuid) returns text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return jsonb_build_object(
    'shipments', (select coalesce(jsonb_agg(to_jsonb(s) order by s.number), '[]') from order_shipment s where s.order_id = p_order),
    'refunds', (select coalesce(jsonb_agg(to_jsonb(r) order by r.number), '[]') from order_refund r where r.order_id = p_order),
    'returns', (select coalesce(jsonb_agg(to_jsonb(r) || jsonb_build_object('lines',
        (select coalesce(jsonb_agg(to_jsonb(l) order by l.line_id), '[]') from order_return_line l where l.return_id = r.id))
        order by r.number), '[]') from order_return r where r.order_id = p_order),
    'revisions', (select coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'reason', v.reason, 'actor', v.actor,
        'at', v.at, 'total_minor', v.document->'total_minor', 'lines', v.document->'lines') order by v.version), '[]')
      from order_revision v where v.order_id = p_order))::text;
end $$;

-- A refund that is to be given now, for as long as p_lease, twice that with every try, p_lease_max at most; nobody else
-- gives it meanwhile. Null when there is none.
create or replace function order_refund_claim(p_refund uuid, p_lease interval, p_lease_max interval, p_now timestamptz)
returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_refund uuid;
begin
  v_refund := (select r.id from order_refund r where r.state = 'pending' and r.due_at <= p_now
                  and (p_refund is null or r.id = p_refund) order by r.due_at limit 1 for update skip locked);
  update order_refund set due_at = p_now + least(p_lease * 2 ^ least(tries, 20)::integer, p_lease_max), tries = tries + 1 where id = v_refund;
  return (select (to_jsonb(r) || jsonb_build_object('order_number', o.number))::text
            from order_refund r join orders o on o.id = r.order_id where r.id = v_refund);
end $$;
