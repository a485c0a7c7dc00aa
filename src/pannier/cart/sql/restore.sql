-- An earlier state of a cart brought back, through the same locks as every write.

-- The cart as it is, under its locks, and as it was at a version or a moment. outcome: null, CART_NOT_FOUND,
-- CART_VERSION_MISMATCH or HISTORY_NOT_KEPT.
create or replace function cart_restore_begin(
  p_token bytea, p_user text, p_channel text, p_version bigint, p_at timestamptz, p_if_match bigint, p_offset interval,
  out outcome text, out locked_at timestamptz, out mine json, out version bigint, out state jsonb, out room json
) language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_cart uuid := cart_of_history(null, p_token, p_user, p_channel, clock_timestamp() + p_offset);
  v_variants uuid[];
begin
  if v_cart is null then
    outcome := 'CART_NOT_FOUND';
    return;
  end if;
  perform 1 from cart where id = v_cart for update;
  version := coalesce(p_version, cart_version_at(v_cart, p_at));
  state := cart_state_at(v_cart, version);
  v_variants := array(select (e.value->>'variant_id')::uuid from jsonb_each(state->'lines') e
    union select (e.value->>'variant_id')::uuid from jsonb_each(state->'saved') e);
  locked_at := cart_rewrite_lock(array[v_cart], v_variants, p_offset);
  mine := cart_side(v_cart);
  if mine->>'status' not in ('active', 'abandoned') then
    raise exception using errcode = '40001', message = 'the cart was closed meanwhile';
  elsif p_if_match <> (mine->>'version')::bigint then
    outcome := 'CART_VERSION_MISMATCH';
  elsif state is null then
    outcome := 'HISTORY_NOT_KEPT';
  end if;
  room := cart_room(array[v_cart], v_variants, mine->>'channel', mine->>'currency', locked_at, true);
end $$;

-- Writes it. p_restore: {mine, lines, saved, metadata, coupons, tell}; what is saved for later is exactly `saved`.
create or replace function cart_restore_apply(p_restore jsonb, p_policy jsonb, p_at timestamptz, out document text)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_policy cart_policy := jsonb_populate_record(null::cart_policy, p_policy);
  v_mine uuid := (p_restore->>'mine')::uuid;
  v_tell jsonb := p_restore->'tell';
  v_cause movement_cause := (v_tell->>'actor', v_tell->>'device', v_tell->>'correlation_id', 'cart', v_mine, 'an earlier cart was restored', p_at);
begin
  perform cart_put_lines(v_mine, p_restore->'lines', p_at);
  delete from saved_line where cart_id = v_mine;
  perform cart_put_saved(v_mine, p_restore->'saved', p_at);
  perform cart_fit_holds(v_mine, v_policy, v_cause);
  update cart set metadata = p_restore->'metadata',
         coupons = nullif(array(select jsonb_array_elements_text(p_restore->'coupons')), '{}')
   where id = v_mine;
  perform cart_rewrite_commit(v_mine, v_tell, v_policy, p_at);
  document := (select d.document from cart_documents(array[v_mine], p_at, true) d);
end $$;
