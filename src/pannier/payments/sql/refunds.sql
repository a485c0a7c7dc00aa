-- Money that is given back: asked for in somebody's transaction, given by the provider after it, noted in another.

-- Asks for p_amount of what an order has paid, from its newest payment back; null is all of it. Called in the
-- transaction of whatever it is for. p_ids: an id for each refund that there could be. p_booked is {attempt: amount} of
-- what has come into the order's books: of a payment that is not finished, no more than that is the order's to give back;
-- null asks of all. Raises PN020 when less was paid than that. Answers [{id, attempt_id, amount_minor}, ...].
create or replace function refund_ask(
  p_order uuid, p_amount bigint, p_reason text, p_ids uuid[], p_actor text, p_correlation text, p_at timestamptz,
  p_booked jsonb default null
) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  a record;
  v_left bigint := p_amount;
  v_part bigint;
  v_asked jsonb := '[]';
  v_count integer := 0;
begin
  for a in
    select id, case when is_open and p_booked is not null then coalesce((p_booked->>id::text)::bigint, 0)
                    else captured_minor end - refunding_minor as there
      from payment_attempt
     where order_id = p_order and captured_minor > refunding_minor order by created_at desc, id for update
  loop
    continue when a.there <= 0;
    v_part := least(coalesce(v_left, a.there), a.there);
    exit when v_part = 0;
    v_count := v_count + 1;
    if v_count > cardinality(p_ids) then
      raise exception 'order % has more payments than ids were brought', p_order;
    end if;
    perform refund_begin(p_ids[v_count], a.id, v_part, p_reason, p_actor, p_correlation, p_at);
    v_asked := v_asked || jsonb_build_object('id', p_ids[v_count], 'attempt_id', a.id, 'amount_minor', v_part);
    v_left := v_left - v_part;
  end loop;
  if v_left > 0 then
    raise exception using errcode = 'PN020', message = (p_amount - v_left)::text;
  end if;
  return v_asked;
end $$;

-- A refund of one attempt. One conditional update decides whether there is so much; raises PN020 otherwise.
create or replace function refund_begin(
  p_refund uuid, p_attempt uuid, p_amount bigint, p_reason text, p_actor text, p_correlation text, p_at timestamptz
) returns void language plpgsql as $$
begin
  update payment_attempt set refunding_minor = refunding_minor + p_amount, updated_at = p_at
   where id = p_attempt and refunding_minor + p_amount <= captured_minor;
  if not found then
    raise exception using errcode = 'PN020', message = '0';
  end if;
  insert into refund (id, attempt_id, order_id, amount_minor, currency, state, reason, actor, correlation_id, due_at,
                      created_at, updated_at)
  select p_refund, a.id, a.order_id, p_amount, a.currency, 'pending', p_reason, p_actor, p_correlation, p_at, p_at, p_at
    from payment_attempt a where a.id = p_attempt;
end $$;

create or replace function refund_claim(p_refund uuid, p_lease interval, p_now timestamptz) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  update refund set due_at = p_now + p_lease, tries = tries + 1
   where id = p_refund and state = 'pending' and due_at <= p_now;
  return case when found then (select row_to_json(r)::text from refund r where r.id = p_refund) end;
end $$;

-- What became of a refund; a second time changes nothing. p_report is what the provider says of the payment, null
-- where it refused: money that no order stands for is then to be looked at again. Of money that is given back by hand
-- there is no report of a sum: it is what was given before, and this.
create or replace function refund_settle(
  p_refund uuid, p_report jsonb, p_failure text, p_events uuid[], p_actor text, p_correlation text, p_at timestamptz
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  r refund;
begin
  perform 1 from payment_attempt a where a.id = (select attempt_id from refund where id = p_refund) for update;
  update refund set state = case when p_report is null then 'failed' else 'succeeded' end::refund_state, failure = p_failure,
         due_at = null, updated_at = p_at
   where id = p_refund and state = 'pending' returning * into r;
  if not found then
    return;
  end if;
  if p_report is null then
    update payment_attempt
       set refunding_minor = greatest(refunded_minor, refunding_minor - r.amount_minor), updated_at = p_at,
           due_at = case when order_id is null then coalesce(due_at, p_at) else due_at end
     where id = r.attempt_id;
    return;
  end if;
  if p_report->'refunded_minor' = 'null' then
    p_report := p_report || jsonb_build_object('refunded_minor',
      (select a.refunded_minor + r.amount_minor from payment_attempt a where a.id = r.attempt_id));
  end if;
  perform payment_apply(r.attempt_id, p_report, p_events, p_actor, p_correlation, p_at);
end $$;

-- The provider refuses a refund for good. Of money that no order stands for, which is asked for again and again, that is
-- told once, by an event. Answers whether it is to be told: for the first time, or of an order's refund.
create or replace function refund_refused(
  p_refund uuid, p_failure text, p_event uuid, p_actor text, p_correlation text, p_at timestamptz
) returns boolean language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  a payment_attempt;
  r refund;
  v_is_first boolean;
begin
  select * into a from payment_attempt where id = (select k.attempt_id from refund k where k.id = p_refund) for update;
  select * into r from refund where id = p_refund;
  v_is_first := a.order_id is null and r.state = 'pending'
    and not exists (select 1 from refund k where k.attempt_id = a.id and k.state = 'failed');
  perform refund_settle(p_refund, null, p_failure, '{}', p_actor, p_correlation, p_at);
  if v_is_first then
    update payment_attempt set version = version + 1 where id = a.id;
    perform event_append(jsonb_build_array(jsonb_build_object('aggregate_id', a.id, 'version', a.version,
      'aggregate_kind', 'payment', 'id', p_event, 'type', 'payment.refund_failed', 'data', jsonb_build_object(
        'refund_id', r.id, 'amount_minor', r.amount_minor, 'currency', r.currency, 'provider', a.provider,
        'checkout_id', a.checkout_id, 'order_id', coalesce(a.order_id, a.pays_order), 'failure', p_failure))), p_actor, null, p_correlation, p_at);
  end if;
  return v_is_first or a.order_id is not null;
end $$;

-- A provider tells of a refund of the attempt. One that is waited for is due now. Of one that was given, and failed at the
-- bank days later (p_failure), the ledger says what it said: why is noted once, and told by an event. Answers its state.
create or replace function refund_told(
  p_refund uuid, p_attempt uuid, p_failure text, p_event uuid, p_actor text, p_correlation text, p_at timestamptz
) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  a payment_attempt;
  r refund;
begin
  select * into a from payment_attempt where id = p_attempt for update;
  select * into r from refund where id = p_refund and attempt_id = a.id for update;
  if r.state = 'pending' then
    update refund set due_at = p_at where id = r.id;
  elsif r.state = 'succeeded' and r.failure is null and p_failure is not null then
    update refund set failure = p_failure, updated_at = p_at where id = r.id;
    update payment_attempt set version = version + 1, updated_at = p_at where id = a.id;
    perform event_append(jsonb_build_array(jsonb_build_object('aggregate_id', a.id, 'version', a.version,
      'aggregate_kind', 'payment', 'id', p_event, 'type', 'payment.refund_failed', 'data', jsonb_build_object(
        'refund_id', r.id, 'amount_minor', r.amount_minor, 'currency', r.currency, 'provider', a.provider,
        'checkout_id', a.checkout_id, 'order_id', coalesce(a.order_id, a.pays_order), 'failure', p_failure))), p_actor, null, p_correlation, p_at);
  end if;
  return r.state;
end $$;
