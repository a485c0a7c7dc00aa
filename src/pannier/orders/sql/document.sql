-- An order as JSON: its row without the owner's secret, its lines and its history. orders/models.py has the names.
create or replace function order_document(p_order uuid) returns text language plpgsql stable as $$
begin
  return (
    select (to_jsonb(o) - 'token_hash' || jsonb_build_object(
      'lines', (select jsonb_agg(to_jsonb(l) order by l.position) from order_line l where l.order_id = o.id),
      'states', (select jsonb_agg(jsonb_build_object('version', s.version, 'status', s.status,
          'payment_status', s.payment_status, 'reason', s.reason, 'actor', s.actor, 'at', s.at) order by s.version)
        from order_state s where s.order_id = o.id)))::text
      from orders o where o.id = p_order);
end $$;

create or replace function order_read(p_number text, p_token bytea, p_user text, p_is_staff boolean)
returns text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return (select order_document(o.id) from orders o
           where o.number = p_number and order_is_visible(o, p_token, p_user, p_is_staff));
end $$;

-- A page of an owner's orders, newest first, below the place (p_before_at, p_before_id).
create or replace function orders_of(
  p_token bytea, p_user text, p_before_at timestamptz, p_before_id uuid, p_limit integer
) returns setof text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  if p_user is not null then
    return query select order_document(o.id) from orders o
     where o.user_id = p_user and (o.placed_at, o.id) < (p_before_at, p_before_id)
     order by o.placed_at desc, o.id desc limit p_limit;
  else
    return query select order_document(o.id) from orders o
     where o.token_hash = p_token and (o.placed_at, o.id) < (p_before_at, p_before_id)
     order by o.placed_at desc, o.id desc limit p_limit;
  end if;
end $$;

-- A page of all orders for staff; a filter that is null does not count.
create or replace function orders_for_staff(
  p_status text, p_external_reference text, p_from timestamptz, p_to timestamptz,
  p_before_at timestamptz, p_before_id uuid, p_limit integer
) returns setof text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  if p_external_reference is not null then
    -- One at most, and a plan for every filter at once would look for it through all orders.
    p_before_id := (select o.id from orders o
      where o.external_reference = p_external_reference and (o.placed_at, o.id) < (p_before_at, p_before_id));
    return query select order_document(o.id) from orders o
     where o.id = p_before_id and (p_status is null or o.status = p_status::order_status)
       and o.placed_at >= p_from and o.placed_at < p_to;
    return;
  end if;
  if p_status is not null then
    return query select order_document(o.id) from orders o
     where o.status = p_status::order_status and o.placed_at >= p_from and o.placed_at < p_to
       and (o.placed_at, o.id) < (p_before_at, p_before_id)
     order by o.placed_at desc, o.id desc limit p_limit;
    return;
  end if;
  return query select order_document(o.id) from orders o
   where o.placed_at >= p_from and o.placed_at < p_to and (o.placed_at, o.id) < (p_before_at, p_before_id)
   order by o.placed_at desc, o.id desc limit p_limit;
end $$;
