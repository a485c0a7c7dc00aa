-- A page of all orders for staff who look for something, newest first, below a place. p_filter: {q?, email?, user_id?,
-- variant_id?, status?, payment_status?, from, to}; `q` is the beginning of a number, an e-mail address or a name.
create or replace function orders_search(
  p_filter jsonb, p_before_at timestamptz, p_before_id uuid, p_limit integer
) returns setof text language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan
as $$
declare
  v_q text := lower(btrim(p_filter->>'q'));
  v_email text := lower(btrim(p_filter->>'email'));
  v_variant uuid := (p_filter->>'variant_id')::uuid;
  v_like text := replace(replace(replace(v_q, '\', '\\'), '%', '\%'), '_', '\_') || '%';
begin
  if v_q like '%@%' then
    v_email := coalesce(v_email, v_q);
    v_q := null;
  end if;
  return query select order_document(f.id) from (
    select o.id, o.placed_at from orders o
     where (o.placed_at, o.id) < (p_before_at, p_before_id)
       and o.placed_at >= (p_filter->>'from')::timestamptz and o.placed_at < (p_filter->>'to')::timestamptz
       and (p_filter->>'status' is null or o.status = (p_filter->>'status')::order_status)
       and (p_filter->>'payment_status' is null or o.payment_status = (p_filter->>'payment_status')::payment_status)
       and (p_filter->>'user_id' is null or o.user_id = p_filter->>'user_id')
       and (v_email is null or lower(o.email) = v_email)
       and (v_variant is null or exists (select 1 from order_line l where l.variant_id = v_variant and l.order_id = o.id))
       and (v_q is null or lower(o.number) like v_like or lower(o.external_reference) = v_q
            or lower(o.shipping_address->>'name') like v_like or lower(o.billing_address->>'name') like v_like)
     order by o.placed_at desc, o.id desc limit p_limit) f
   order by f.placed_at desc, f.id desc;
end $$;
