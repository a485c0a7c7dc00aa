-- Attempts and their ledger. A provider is asked between transactions; here is only what came of it. Attempts are
-- locked last of all: after the cart, the stock and the order.
-- What a provider says is cumulative (so much is authorised, captured, given back by now), so that what arrives late,
-- twice or out of order moves nothing twice.

create or replace function payment_document(p_attempt uuid) returns text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return (select (to_jsonb(a) - 'idem_owner' - 'idem_hash' || jsonb_build_object(
      'idem_owner', encode(a.idem_owner, 'hex'), 'idem_hash', encode(a.idem_hash, 'hex')))::text
    from payment_attempt a where a.id = p_attempt);
end $$;

-- The attempt that the completion of a checkout stands on.
create or replace function payment_open(p_checkout uuid) returns uuid language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return (select a.id from payment_attempt a where a.checkout_id = p_checkout and a.is_open);
end $$;

-- Writes an attempt: p_attempt is a row as JSON, the key's digests in hex.
create or replace function payment_begin(p_attempt jsonb, p_actor text, p_correlation text, p_at timestamptz)
returns void language plpgsql as $$
declare
  a payment_attempt := jsonb_populate_record(null::payment_attempt, p_attempt - 'idem_owner' - 'idem_hash');
begin
  a.idem_owner := decode(p_attempt->>'idem_owner', 'hex');
  a.idem_hash := decode(p_attempt->>'idem_hash', 'hex');
  insert into payment_attempt select a.*;
end $$;

-- One line of the ledger.
create or replace function payment_book(
  p_attempt uuid, p_number bigint, p_kind payment_entry, p_amount bigint, p_currency text, p_reference text,
  p_actor text, p_correlation text, p_at timestamptz
) returns void language sql as $$
  insert into payment_transaction (attempt_id, number, kind, amount_minor, currency, reference, actor, correlation_id, at)
  values (p_attempt, p_number, p_kind, p_amount, p_currency, p_reference, p_actor, p_correlation, p_at)
$$;

-- Takes in what a provider says of an attempt: p_report {state, reference?, authorized_minor, captured_minor,
-- refunded_minor, action_url?, reason?}. Figures only grow; money that moved makes a line of the ledger and an event.
-- Money that nobody's order stands for is to be looked at again.
-- p_events are ids for them. Answers the attempt.
create or replace function payment_apply(
  p_attempt uuid, p_report jsonb, p_events uuid[], p_actor text, p_correlation text, p_at timestamptz
) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  a payment_attempt;
  v_state payment_state := (p_report->>'state')::payment_state;
  v_captured bigint;
  v_authorized bigint;
  v_refunded bigint;
  v_moved payment_entry[] := '{}';
  v_amounts bigint[] := '{}';
  v_data jsonb;
begin
  select * into a from payment_attempt where id = p_attempt for update;
  if not found then
    return null;
  end if;
  v_captured := greatest(a.captured_minor, (p_report->>'captured_minor')::bigint);
  v_authorized := greatest(a.authorized_minor, (p_report->>'authorized_minor')::bigint, v_captured);
  v_refunded := greatest(a.refunded_minor, (p_report->>'refunded_minor')::bigint);
  if v_authorized > a.authorized_minor then
    v_moved := v_moved || 'authorize'::payment_entry; v_amounts := v_amounts || (v_authorized - a.authorized_minor);
  end if;
  if v_captured > a.captured_minor then
    v_moved := v_moved || 'capture'::payment_entry; v_amounts := v_amounts || (v_captured - a.captured_minor);
  end if;
  if v_refunded > a.refunded_minor then
    v_moved := v_moved || 'refund'::payment_entry; v_amounts := v_amounts || (v_refunded - a.refunded_minor);
  end if;
  if v_state = 'voided' and a.state <> 'voided' and v_authorized > v_captured then
    v_moved := v_moved || 'void'::payment_entry; v_amounts := v_amounts || (v_authorized - v_captured);
  end if;
  v_state := case
    when v_captured > 0 and v_refunded >= v_captured then 'refunded'
    when v_captured > 0 then 'captured'
    -- One that was let go of stays so, unless the money that was on its way to it comes only now.
    when v_state = 'voided' or (a.state = 'voided' and v_authorized = a.authorized_minor) then 'voided'
    when v_authorized > 0 then 'authorized'
    when a.state in ('declined', 'promised') then a.state
    when v_state = 'created' then a.state
    else v_state end::payment_state;
  if cardinality(v_moved) = 0 and v_state = a.state and (p_report->>'reference') is not distinct from a.reference
     and (p_report->>'action_url') is not distinct from a.action_url then
    return payment_document(p_attempt);
  end if;
  for n in 1 .. cardinality(v_moved) loop
    perform payment_book(a.id, a.entries + n, v_moved[n], v_amounts[n], a.currency, coalesce(p_report->>'reference', a.reference),
      p_actor, p_correlation, p_at);
    v_data := jsonb_build_object('amount_minor', v_amounts[n], 'currency', a.currency, 'provider', a.provider,
      'checkout_id', a.checkout_id, 'order_id', coalesce(a.order_id, a.pays_order));
    perform event_append(jsonb_build_array(jsonb_build_object('aggregate_id', a.id, 'version', a.version + n - 1,
      'aggregate_kind', 'payment', 'id', p_events[n], 'data', v_data, 'type', 'payment.' || case v_moved[n]
        when 'authorize' then 'authorized' when 'capture' then 'captured' when 'void' then 'voided' else 'refunded' end)),
      p_actor, null, p_correlation, p_at);
  end loop;
  update payment_attempt
     set state = v_state, reference = coalesce(p_report->>'reference', reference),
         failure = case when v_state = 'declined' then coalesce(failure, jsonb_build_object('reason', p_report->>'reason')) else failure end,
         action_url = case when v_state = 'challenged' then coalesce(p_report->>'action_url', action_url) end,
         authorized_minor = v_authorized, captured_minor = v_captured, refunded_minor = v_refunded,
         refunding_minor = greatest(refunding_minor, v_refunded),
         due_at = case when a.is_open or a.order_id is not null then due_at
                       when v_state = 'authorized' or v_captured > greatest(refunding_minor, v_refunded)
                         then coalesce(due_at, p_at) else due_at end,
         entries = entries + cardinality(v_moved), version = version + cardinality(v_moved), updated_at = p_at
   where id = p_attempt;
  return payment_document(p_attempt);
end $$;

-- Takes on an attempt whose time has come: until the lease is over nobody else does. Answers it, or null.
create or replace function payment_claim(p_attempt uuid, p_lease interval, p_now timestamptz) returns text language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  update payment_attempt set due_at = p_now + p_lease, tries = tries + 1 where id = p_attempt and due_at <= p_now;
  return case when found then payment_document(p_attempt) end;
end $$;

-- When somebody has to look at it again; null is never.
create or replace function payment_due(p_attempt uuid, p_at timestamptz) returns void language sql as $$
  update payment_attempt set due_at = p_at where id = p_attempt
$$;

-- The provider has answered that the shopper has still to pay: it is looked at again then, and nothing has failed.
create or replace function payment_answered(p_attempt uuid, p_at timestamptz) returns void language sql as $$
  update payment_attempt set due_at = p_at, tries = 0 where id = p_attempt
$$;

-- The completion no longer stands on it, and why. What the provider knows of it is looked at once more at p_due.
create or replace function payment_close(p_attempt uuid, p_failure jsonb, p_due timestamptz, p_at timestamptz)
returns void language sql as $$
  update payment_attempt set is_open = false, failure = coalesce(p_failure, failure), due_at = p_due, action_url = null,
         state = case when state in ('created', 'challenged') then 'declined' else state end, updated_at = p_at
   where id = p_attempt
$$;

-- The shopper was told where to go: whoever carries it on answers nobody any more, and looks at it at p_due.
create or replace function payment_challenged(p_attempt uuid, p_due timestamptz) returns void language sql as $$
  update payment_attempt set due_at = p_due, idem_owner = null, idem_key = null, idem_hash = null where id = p_attempt
$$;

-- The order that is paid by it: p_payment is {id, checkout_id, provider, amount_minor, currency} of money that comes
-- later, or {id} of an attempt that is there.
-- Raises PN010 where it is there no more: let go of, given back or given up meanwhile.
create or replace function payment_place(p_payment jsonb, p_order uuid, p_actor text, p_correlation text, p_at timestamptz)
returns void language plpgsql as $$
begin
  if p_payment ? 'provider' then
    insert into payment_attempt (id, checkout_id, order_id, provider, method, amount_minor, currency, state, version,
                                 created_at, updated_at, expires_at)
    values ((p_payment->>'id')::uuid, (p_payment->>'checkout_id')::uuid, p_order, p_payment->>'provider',
            p_payment->>'provider', (p_payment->>'amount_minor')::bigint, p_payment->>'currency', 'promised', 1,
            p_at, p_at, p_at);
  else
    -- Where the money is there, nothing is left to be done.
    update payment_attempt
       set order_id = p_order, updated_at = p_at, is_open = captured_minor < amount_minor,
           due_at = case when captured_minor < amount_minor then due_at end
     where id = (p_payment->>'id')::uuid and is_open and state in ('authorized', 'captured') and authorized_minor = amount_minor;
    if not found then
      raise exception using errcode = 'PN010', message = 'the payment is there no more';
    end if;
  end if;
end $$;

-- The payment of an order that is under way: for what it has due, or the one of its checkout that is not settled yet.
create or replace function payment_paying(p_order uuid) returns uuid language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return coalesce((select a.id from payment_attempt a where a.pays_order = p_order and a.is_open limit 1),
                  (select a.id from payment_attempt a where a.order_id = p_order and a.is_open limit 1));
end $$;

-- The order stands for what was paid of what it had due; called with the booking, under the order's lock. False where the
-- payment is there no more, or is booked: given up, or given back, meanwhile.
create or replace function payment_pay_order(p_attempt uuid, p_captured bigint, p_at timestamptz) returns boolean
language plpgsql as $$
begin
  update payment_attempt set order_id = pays_order, is_open = false, due_at = null, action_url = null, updated_at = p_at
   where id = p_attempt and is_open and captured_minor = p_captured and refunding_minor = 0;
  return found;
end $$;

-- A payment of what an order has due comes to nothing. False where it was over before: who is first has it.
create or replace function payment_give_up(p_attempt uuid, p_failure jsonb, p_due timestamptz, p_at timestamptz)
returns boolean language plpgsql as $$
begin
  perform 1 from payment_attempt where id = p_attempt and is_open and order_id is null for update;
  if not found then
    return false;
  end if;
  perform payment_close(p_attempt, p_failure, p_due, p_at);
  return true;
end $$;

-- What staff note of money that was promised: that it came in, or that nobody waits for it any more.
-- p_amount: what came in, where that is less than was promised, since goods came back or were taken out before.
create or replace function payment_promise_kept(
  p_order uuid, p_is_kept boolean, p_actor text, p_correlation text, p_at timestamptz, p_amount bigint default null
) returns void language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  a record;
  v_left bigint := p_amount;
  v_part bigint;
begin
  for a in select id, amount_minor from payment_attempt where order_id = p_order and state = 'promised' order by id for update loop
    v_part := least(a.amount_minor, coalesce(v_left, a.amount_minor));
    v_left := v_left - v_part;
    if p_is_kept and v_part > 0 then
      perform payment_apply(a.id, jsonb_build_object('state', 'captured', 'authorized_minor', a.amount_minor,
        'captured_minor', v_part, 'refunded_minor', 0), array[md5(a.id || ' authorize')::uuid, md5(a.id || ' capture')::uuid], p_actor, p_correlation, p_at);
    else
      update payment_attempt set state = 'voided', updated_at = p_at where id = a.id;
    end if;
  end loop;
end $$;
