-- Changes that concern more than one line of a cart: its row and its stock rows are locked.

-- A change that carries p_extra; one without any is as it was, since a null there would mean to take all away.
create or replace function cart_with_extra(p_change jsonb, p_extra jsonb) returns jsonb language plpgsql immutable as $$
begin
  return case when p_extra is null then p_change else p_change || jsonb_build_object('extra', p_extra) end;
end $$;

-- A line that gets other attributes or another customisation. One that becomes equal to another line joins it.
create or replace function cart_set_identity(
  p_cart cart, p_target cart_target, p_wanted bigint, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  v_key text := cart_merge_key(p_target.extra, case when p_target.is_price_fixed then p_target.unit_price_minor end);
  v_other uuid := (select l.id from cart_line l where l.cart_id = p_cart.id and l.variant_id = p_target.variant_id
                      and l.merge_key = v_key and l.id <> p_target.line_id);
  joined cart_target;
  result cart_change_result;
begin
  if v_other is null then
    p_target.merge_key := v_key;
    return cart_set_line(p_cart, p_target, p_wanted, p_policy, p_until, p_cause);
  end if;
  joined := cart_target_of_line(p_cart.id, cart_with_extra(jsonb_build_object('line_id', v_other), p_target.extra), p_cause.at);
  joined.others := joined.others - p_target.quantity;
  p_cart.line_count := p_cart.line_count - 1;
  p_cart.total_quantity := p_cart.total_quantity - p_target.quantity;
  result := cart_set_line(p_cart, joined, joined.quantity + p_wanted, p_policy, p_until, p_cause);
  if result.outcome = 'OK' then
    delete from cart_line where id = p_target.line_id;
    result.quantity_before := result.quantity_before + p_target.quantity;
    result.line_delta := result.line_delta - 1;
    result.details := coalesce(result.details, '{}') || jsonb_build_object('joined', p_target.line_id);
  end if;
  return result;
end $$;

-- A second line like this one. It stays apart from it, also when nothing tells them apart yet, until it is given
-- attributes or a customisation; with those that another line has it joins that one.
create or replace function cart_duplicate_line(
  p_cart cart, p_target cart_target, p_change jsonb, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  added record;
  copy cart_target;
  v_quantity bigint := coalesce((p_change->>'quantity')::bigint, p_target.quantity);
  v_price bigint := case when p_target.is_price_fixed then p_target.unit_price_minor end;
begin
  added := cart_target_of_add(p_cart, cart_with_extra(jsonb_build_object(
    'line_id', p_change->>'copy_id', 'variant_id', p_target.variant_id, 'quantity', v_quantity, 'unit_price_minor', v_price,
    'merge_key', case when not coalesce(p_change->'extra' ?| array['attributes', 'customisation'], false)
                      then 'copy ' || (p_change->>'copy_id') end), p_target.extra), p_cause.at);
  if added.outcome is not null then
    return cart_refusal(added.target, added.outcome, jsonb_build_object('currency', p_cart.currency));
  end if;
  copy := added.target;
  if copy.quantity = 0 then
    -- It costs what the line does that it is like.
    copy.unit_price_minor := p_target.unit_price_minor;
    copy.shelf_minor := p_target.shelf_minor;
    copy.shown_minor := p_target.shown_minor;
  end if;
  return cart_set_line(p_cart, copy, copy.quantity + v_quantity, p_policy, p_until, p_cause);
end $$;

-- Which lines a checkout is about: {select: all | none | only, line_ids?}. One statement, however many lines.
create or replace function cart_select(p_cart uuid, p_change jsonb, p_now timestamptz)
returns cart_change_result language plpgsql as $$
declare
  v_mode text := p_change->>'select';
  v_ids uuid[] := array(select x::uuid from jsonb_array_elements_text(p_change->'line_ids') x);
  v_unknown uuid := (select i from unnest(v_ids) i
    where not exists (select 1 from cart_line l where l.id = i and l.cart_id = p_cart limit 1) limit 1);
  v_details jsonb;
begin
  if v_unknown is not null then
    return ('ITEM_NOT_FOUND'::text, jsonb_build_object('id', v_unknown), v_unknown, null::uuid, 0::bigint, 0::bigint, 0, 0, null::bigint);
  end if;
  with changed as (
    update cart_line l set is_selected = not l.is_selected, updated_at = p_now
     where l.cart_id = p_cart and l.is_selected <> (v_mode = 'all' or (v_mode = 'only' and l.id = any(v_ids)))
    returning l.id, l.is_selected
  )
  select jsonb_build_object('selected', coalesce(jsonb_agg(c.id order by c.id) filter (where c.is_selected), '[]'),
      'deselected', coalesce(jsonb_agg(c.id order by c.id) filter (where not c.is_selected), '[]'))
    into v_details from changed c;
  return ('OK'::text, v_details, null::uuid, null::uuid, 0::bigint, 0::bigint, 0, 0, null::bigint);
end $$;

-- A change of the cart and none of its lines. What the cart has afterwards stands in the details, under "cart".
create or replace function cart_change_whole(p_cart cart, p_change jsonb, p_policy cart_policy)
returns cart_change_result language plpgsql immutable as $$
declare
  v_outcome text := 'OK';
  v_details jsonb;
begin
  case p_change->>'op'
    when 'metadata' then
      select m.outcome, m.details into v_outcome, v_details from cart_change_metadata(p_cart, p_change->'values', p_policy) m;
    when 'coupon' then
      select m.outcome, m.details into v_outcome, v_details from cart_change_coupon(p_cart, p_change->'values') m;
    else
      -- Where it goes, and how.
      v_outcome := coalesce(p_change->'values'->>'refused', 'OK');
      v_details := case v_outcome when 'OK' then jsonb_build_object('cart', p_change->'values')
                                  else (p_change->'values') - 'refused' end;
  end case;
  return (v_outcome, v_details, null::uuid, null::uuid, 0::bigint, 0::bigint, 0, 0, null::bigint);
end $$;

-- Key and value pairs of the cart, laid over what is there; a null takes a key away.
create or replace function cart_change_metadata(
  p_cart cart, p_values jsonb, p_policy cart_policy, out outcome text, out details jsonb
) language plpgsql immutable as $$
declare
  v_after jsonb := jsonb_strip_nulls(p_cart.metadata || p_values);
begin
  outcome := 'OK';
  details := jsonb_build_object('cart', jsonb_build_object('metadata', v_after), 'before', p_cart.metadata);
  if p_policy.metadata_bytes_max > 0 and octet_length(v_after::text) > p_policy.metadata_bytes_max
     and octet_length(v_after::text) > octet_length(p_cart.metadata::text)
  then
    outcome := 'LIMIT_EXCEEDED';
    details := jsonb_build_object('limit', 'metadata_bytes', 'maximum', p_policy.metadata_bytes_max,
      'requested', octet_length(v_after::text), 'allowed', p_policy.metadata_bytes_max);
  end if;
end $$;

-- A code that comes or goes: {enter, alone?} as it was judged good, {leave}, or {refused} with the reason. A code that
-- stands alone takes all others off.
create or replace function cart_change_coupon(p_cart cart, p_values jsonb, out outcome text, out details jsonb)
language plpgsql immutable as $$
declare
  v_code text := coalesce(p_values->>'enter', p_values->>'leave');
  v_there text[] := coalesce(p_cart.coupons, '{}');
  v_reason text := p_values->>'refused';
begin
  if v_reason is null and p_values ? 'enter' and v_code = any(v_there) then
    v_reason := 'already_applied';
  elsif v_reason is null and p_values ? 'leave' and v_code <> all(v_there) then
    v_reason := 'not_present';
  end if;
  if v_reason is not null then
    outcome := 'COUPON_REJECTED';
    details := jsonb_build_object('code', coalesce(v_code, p_values->>'code'), 'reason', v_reason);
    return;
  end if;
  outcome := 'OK';
  v_there := case when p_values ? 'leave' then array_remove(v_there, v_code)
                  when p_values ? 'alone' then array[v_code] else v_there || v_code end;
  details := jsonb_build_object('code', v_code, 'before', to_jsonb(coalesce(p_cart.coupons, '{}')),
    'cart', jsonb_build_object('coupons', to_jsonb(v_there)));
end $$;

-- The shopper agrees to a price: it has to be the one that is asked now, and becomes the one the line was added at; what
-- the price rules make of it stands beside it.
create or replace function cart_accept_price(p_cart cart, p_target cart_target, p_change jsonb, p_now timestamptz)
returns cart_change_result language plpgsql as $$
declare
  p_price constant bigint := (p_change->>'accepted_minor')::bigint;
  v_asked bigint := (select o.amount_minor from variant v,
    catalog_price(v, p_cart.currency, p_cart.channel, p_target.quantity, p_now, p_cart.user_id) o where v.id = p_target.variant_id);
begin
  if p_target.is_price_fixed or v_asked is distinct from p_price then
    return cart_refusal(p_target, 'CHANGES_NOT_SHOWN', jsonb_build_object('price', v_asked));
  end if;
  update cart_line
     set unit_price_minor = p_price, shelf_minor = (p_change->>'shelf_minor')::bigint,
         shown_minor = (p_change->>'shown_minor')::bigint, added_at = p_now, updated_at = p_now
   where id = p_target.line_id;
  return ('OK'::text, jsonb_build_object('price', p_price, 'price_before', p_target.unit_price_minor),
    p_target.line_id, p_target.variant_id, p_target.quantity, p_target.quantity, 0, 0, null::bigint);
end $$;
