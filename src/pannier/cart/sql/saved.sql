-- Lines that are saved for later, and those that come back; the cart's row and the stock rows are locked.

-- Puts units among the saved ones, onto an equal line if there is one. Answers how many saved lines that makes more.
create or replace function saved_put(p_line saved_line) returns integer language plpgsql as $$
declare
  v_most constant bigint := 1000000;
begin
  update saved_line s
     set quantity = least(v_most, s.quantity + p_line.quantity), extra = cart_merge_extra(s.extra, p_line.extra),
         reason = p_line.reason, saved_at = p_line.saved_at
   where s.cart_id = p_line.cart_id and s.variant_id = p_line.variant_id and s.merge_key = p_line.merge_key;
  if found then
    return 0;
  end if;
  insert into saved_line select p_line.*;
  return 1;
end $$;

-- Takes a line out of the cart and keeps it; its units are given back.
create or replace function cart_save_line(
  p_cart cart, p_target cart_target, p_reason text, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  s saved_line;
  v_delta integer;
begin
  if p_policy.saved_count_max > 0 and p_cart.saved_count >= p_policy.saved_count_max then
    return cart_refusal(p_target, 'LIMIT_EXCEEDED', jsonb_build_object('limit', 'saved_count',
      'maximum', p_policy.saved_count_max, 'requested', p_cart.saved_count + 1, 'allowed', 0));
  end if;
  select l.id, l.cart_id, l.variant_id, l.merge_key, l.quantity, l.extra, l.unit_price_minor, l.is_price_fixed,
         p_reason, l.added_at, p_cause.at, l.shelf_minor, l.shown_minor
    into s from cart_line l where l.id = p_target.line_id;
  perform cart_fit_hold(p_cart.id, p_target, 0, p_policy, p_until, p_cause);
  delete from cart_line where id = p_target.line_id;
  v_delta := saved_put(s);
  return ('OK'::text, jsonb_build_object('saved', s.quantity, 'reason', p_reason), p_target.line_id, p_target.variant_id,
    p_target.quantity, 0::bigint, -1, v_delta, null::bigint);
end $$;

-- Brings a saved line back, all of it or p_change's quantity, as far as stock and limits allow; refused, it stays
-- saved. It comes with the price it was first added at, so a change of price shows.
create or replace function cart_restore_line(
  p_cart cart, p_change jsonb, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  s saved_line;
  added record;
  target cart_target;
  result cart_change_result;
  v_left bigint;
begin
  if p_cart.saved_count > 0 then
    select * into s from saved_line where id = (p_change->>'line_id')::uuid and cart_id = p_cart.id;
  end if;
  if s.id is null then
    return cart_refusal(target, 'ITEM_NOT_FOUND', null);
  end if;
  v_left := least(coalesce((p_change->>'quantity')::bigint, s.quantity), s.quantity);
  added := cart_target_of_add(p_cart, cart_with_extra(jsonb_build_object('line_id', s.id, 'variant_id', s.variant_id,
    'merge_key', s.merge_key, 'quantity', v_left), s.extra), p_cause.at);
  target := added.target;
  if added.outcome is not null then
    return cart_refusal(target, added.outcome, jsonb_build_object('currency', p_cart.currency));
  elsif target.quantity = 0 then
    target.unit_price_minor := s.unit_price_minor;
    target.is_price_fixed := s.is_price_fixed;
    target.shelf_minor := s.shelf_minor;
    target.shown_minor := s.shown_minor;
  end if;
  result := cart_set_line(p_cart, target, target.quantity + v_left, p_policy, p_until, p_cause);
  if result.outcome <> 'OK' then
    return result;
  end if;
  update cart_line set added_at = s.added_at where id = s.id;
  v_left := s.quantity - (result.quantity_after - result.quantity_before);
  if v_left > 0 then
    -- Under an id of its own: the old one is in the cart again.
    update saved_line set id = case when target.line_id = s.id then gen_random_uuid() else id end, quantity = v_left where id = s.id;
  else
    delete from saved_line where id = s.id;
    result.saved_delta := -1;
  end if;
  return result;
end $$;

-- Puts units among the saved ones that are in no cart: a saved line that was taken away comes back. No stock is asked.
-- At today's price, or where there is none at the one it had (accepted_minor).
create or replace function cart_keep(p_cart cart, p_change jsonb, p_policy cart_policy, p_now timestamptz)
returns cart_change_result language plpgsql as $$
declare
  added record := cart_target_of_add(p_cart, p_change, p_now);
  target cart_target := added.target;
  v_quantity bigint := (p_change->>'quantity')::bigint;
  v_delta integer;
begin
  if added.outcome = 'PRODUCT_NOT_FOUND' then
    return cart_refusal(target, added.outcome, null);
  elsif p_policy.saved_count_max > 0 and p_cart.saved_count >= p_policy.saved_count_max then
    return cart_refusal(target, 'LIMIT_EXCEEDED', jsonb_build_object('limit', 'saved_count',
      'maximum', p_policy.saved_count_max, 'requested', p_cart.saved_count + 1, 'allowed', 0));
  end if;
  v_delta := saved_put(((p_change->>'line_id')::uuid, p_cart.id, target.variant_id, target.merge_key, v_quantity,
    p_change->'extra', coalesce(target.unit_price_minor, (p_change->>'accepted_minor')::bigint), false, 'shopper', p_now,
    p_now, target.shelf_minor, target.shown_minor)::saved_line);
  return ('OK'::text, jsonb_build_object('saved', v_quantity), (p_change->>'line_id')::uuid, target.variant_id, 0::bigint,
    0::bigint, 0, v_delta, null::bigint);
end $$;

-- set and remove of a saved line: no stock and no limit is asked, since nothing is promised.
create or replace function cart_change_saved(p_cart uuid, p_change jsonb, p_now timestamptz)
returns cart_change_result language plpgsql as $$
declare
  s saved_line;
  target cart_target;
  v_quantity bigint;
  v_before bigint;
begin
  select * into s from saved_line where id = (p_change->>'line_id')::uuid and cart_id = p_cart;
  target.line_id := s.id;
  target.variant_id := s.variant_id;
  target.quantity := 0;
  if s.id is null or p_change->>'op' = 'duplicate' then
    return cart_refusal(target, 'ITEM_NOT_FOUND', null);
  elsif p_change ? 'invalid' then
    return cart_refusal(target, 'INVALID_QUANTITY', p_change->'invalid');
  elsif p_change->>'op' = 'save' then
    return ('OK'::text, null::jsonb, s.id, s.variant_id, 0::bigint, 0::bigint, 0, 0, null::bigint);
  end if;
  v_before := s.quantity;
  v_quantity := case p_change->>'op' when 'remove' then 0 else coalesce((p_change->>'quantity')::bigint, s.quantity) end;
  delete from saved_line where id = s.id;
  if v_quantity > 0 then
    s.quantity := v_quantity;
    s.extra := cart_merge_extra(s.extra, p_change->'extra');
    if p_change->'extra' ?| array['attributes', 'customisation'] then
      s.merge_key := cart_merge_key(s.extra, case when s.is_price_fixed then s.unit_price_minor end);
    end if;
    return ('OK'::text, jsonb_build_object('saved', v_quantity, 'saved_before', v_before), s.id, s.variant_id,
      0::bigint, 0::bigint, 0, saved_put(s) - 1, null::bigint);
  end if;
  return ('OK'::text, jsonb_build_object('saved', 0, 'saved_before', v_before), s.id, s.variant_id, 0::bigint, 0::bigint, 0, -1, null::bigint);
end $$;

-- Saves the lines of a cart whose hold ran out, oldest first, until what is promised is all that is wanted. Answers
-- them as changes, null when there are none. Where no more can be saved they stay, flagged, and are tried again.
create or replace function cart_save_lapsed(
  p_cart cart, p_policy cart_policy, p_until timestamptz, p_cause movement_cause, out after cart, out moved jsonb
) language plpgsql as $$
declare
  l record;
  target cart_target;
  result cart_change_result;
  v_is_short boolean := false;
begin
  after := p_cart;
  for l in select c.id from cart_line c where c.cart_id = p_cart.id order by c.updated_at, c.id loop
    target := cart_target_of_line(p_cart.id, jsonb_build_object('line_id', l.id), p_cause.at);
    continue when not target.is_tracked or target.others + target.quantity <= target.held;
    result := cart_save_line(after, target, 'hold_expired', p_policy, p_until, p_cause);
    if result.outcome = 'OK' then
      after.total_quantity := after.total_quantity - result.quantity_before;
      after.line_count := after.line_count + result.line_delta;
      after.saved_count := after.saved_count + result.saved_delta;
      moved := coalesce(moved, '[]') || jsonb_build_object('op', 'save', 'outcome', 'OK', 'line_id', result.line_id,
        'variant_id', result.variant_id, 'before', result.quantity_before, 'after', 0, 'details', result.details);
    else
      v_is_short := true;
    end if;
  end loop;
  update reservation set is_short = v_is_short where id = p_cart.id and is_short <> v_is_short;
end $$;
