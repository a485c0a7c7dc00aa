-- One change of one line, on a cart whose row and stock rows are locked. A refusal changes nothing.

create or replace function cart_refusal(p_target cart_target, p_outcome text, p_details jsonb)
returns cart_change_result language plpgsql immutable as $$
begin
  return (p_outcome, p_details, p_target.line_id, p_target.variant_id, p_target.quantity, p_target.quantity, 0, 0, null::bigint);
end $$;

-- Whether a rise to p_wanted units breaks what may be of one variant, with what it allows for this line; null when not.
create or replace function cart_line_limit_broken(p_target cart_target, p_wanted bigint, p_policy cart_policy)
returns jsonb language plpgsql immutable as $$
declare
  v_max bigint := least(nullif(p_policy.line_quantity_max, 0), p_target.quantity_max);
begin
  if p_target.others + p_wanted > v_max then
    return jsonb_build_object('limit', 'line_quantity', 'maximum', v_max,
      'requested', p_target.others + p_wanted, 'allowed', greatest(0, v_max - p_target.others));
  end if;
  return null;
end $$;

-- The same of what may be in the cart as a whole.
create or replace function cart_limit_broken(
  p_cart cart, p_target cart_target, p_wanted bigint, p_policy cart_policy
) returns jsonb language plpgsql immutable as $$
declare
  v_total bigint := p_cart.total_quantity - p_target.quantity;
begin
  if p_policy.cart_quantity_max > 0 and v_total + p_wanted > p_policy.cart_quantity_max then
    return jsonb_build_object('limit', 'cart_quantity', 'maximum', p_policy.cart_quantity_max,
      'requested', v_total + p_wanted, 'allowed', greatest(0, p_policy.cart_quantity_max - v_total));
  elsif p_policy.line_count_max > 0 and p_target.quantity = 0 and p_cart.line_count >= p_policy.line_count_max then
    return jsonb_build_object('limit', 'line_count', 'maximum', p_policy.line_count_max,
      'requested', p_cart.line_count + 1, 'allowed', 0);
  end if;
  return null;
end $$;

-- What is short for p_wanted units of the line, as a refusal tells it: fits is the most units of this line, more how
-- many can be added to it.
create or replace function cart_short_of(p_target cart_target, p_wanted bigint) returns jsonb language plpgsql immutable as $$
declare
  v_most bigint := p_target.available + p_target.held - p_target.others;
begin
  return jsonb_build_object('requested', p_target.others + p_wanted,
    'available', greatest(0, v_most + p_target.others), 'fits', greatest(0, v_most),
    'more', greatest(0, v_most - p_target.quantity));
end $$;

-- What of p_short is taken instead of what was asked for; null where it is refused.
create or replace function cart_taken_instead(p_target cart_target, p_short jsonb, p_policy cart_policy)
returns bigint language plpgsql immutable as $$
declare
  v_most bigint := p_target.available + p_target.held - p_target.others;
begin
  if v_most is null or not p_policy.take_what_is_there or v_most = p_target.quantity
     or (v_most < p_target.quantity and not p_policy.lower_when_set)
  then
    return null;
  end if;
  return (p_short->>'fits')::bigint;
end $$;

-- Of a rise that is refused in any case, the refusal that comes first: stock is asked before p_other. By the figures that
-- were read under the lock, since nothing is taken.
create or replace function cart_refused_first(
  p_cart cart, p_target cart_target, p_wanted bigint, p_policy cart_policy, p_other text, p_details jsonb
) returns cart_change_result language plpgsql immutable as $$
declare
  v_short jsonb := cart_short_of(p_target, p_wanted);
begin
  if p_target.is_tracked and p_target.available is not null and p_wanted > p_target.quantity
     and p_wanted > (v_short->>'fits')::bigint
     and cart_taken_instead(p_target, v_short, p_policy) is null
  then
    return cart_refusal(p_target, 'INSUFFICIENT_STOCK', v_short);
  end if;
  return cart_refusal(p_target, p_other, p_details);
end $$;

-- Makes the cart's hold fit p_wanted units of the line. False when the units are not there; nothing has changed then.
-- What is not counted needs no hold, but one that it had while it was counted is still to be given back.
-- Where carts hold, the conditional UPDATE in stock_hold decides, and not the figure read before it.
create or replace function cart_fit_hold(
  p_cart uuid, p_target cart_target, p_wanted bigint, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns boolean language plpgsql as $$
declare
  v_need bigint := p_target.others + p_wanted - p_target.held;
begin
  if v_need < 0 then
    perform stock_release(p_cart, p_target.variant_id, '00000000-0000-7000-8000-000000000001', -v_need, 'release', p_cause);
  elsif v_need > 0 and p_wanted > 0 and p_target.is_tracked then
    if p_policy.stock = 'none' then
      -- A look, not a promise: the hold comes later, and its UPDATE decides then.
      return p_wanted <= p_target.quantity or v_need <= p_target.available is not false;
    end if;
    return stock_hold(p_cart, p_target.variant_id, '00000000-0000-7000-8000-000000000001', v_need,
      p_policy.stock = 'take', p_until, p_cause);
  end if;
  return true;
end $$;

create or replace function cart_write_line(p_cart uuid, p_target cart_target, p_wanted bigint, p_now timestamptz)
returns void language plpgsql as $$
begin
  if p_wanted = 0 then
    delete from cart_line where id = p_target.line_id;
  elsif p_target.quantity = 0 then
    insert into cart_line (id, cart_id, variant_id, merge_key, quantity, extra, unit_price_minor, is_price_fixed,
      shelf_minor, shown_minor, is_selected, added_at, updated_at)
    values (p_target.line_id, p_cart, p_target.variant_id, p_target.merge_key, p_wanted, p_target.extra,
      p_target.unit_price_minor, p_target.is_price_fixed, p_target.shelf_minor, p_target.shown_minor,
      p_target.is_selected, p_now, p_now);
  else
    update cart_line set quantity = p_wanted, extra = p_target.extra, is_selected = p_target.is_selected,
      merge_key = p_target.merge_key, updated_at = p_now
     where id = p_target.line_id;
  end if;
end $$;

-- Brings a line to p_wanted units: what may be of one variant, what there is of it, what may be in a cart, in this order;
-- then the line itself.
create or replace function cart_set_line(
  p_cart cart, p_target cart_target, p_wanted bigint, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  v_details jsonb;
  v_broken jsonb;
  v_short jsonb;
  v_instead bigint;
begin
  if p_wanted > p_target.quantity then
    v_broken := cart_line_limit_broken(p_target, p_wanted, p_policy);
    if v_broken is not null then
      if not (p_policy.clamp_over_limit or p_policy.clamp_added)
         or ((v_broken->>'allowed')::bigint <= p_target.quantity and not p_policy.clamp_added)
      then
        return cart_refusal(p_target, 'LIMIT_EXCEEDED', v_broken);
      end if;
      v_details := v_broken;
      p_wanted := greatest(p_target.quantity, (v_broken->>'allowed')::bigint);
    end if;
  end if;
  while p_wanted > p_target.quantity loop
    v_broken := cart_limit_broken(p_cart, p_target, p_wanted, p_policy);
    exit when v_broken is null;
    if p_policy.clamp_over_limit and (v_broken->>'allowed')::bigint > p_target.quantity then
      v_details := v_broken;
      p_wanted := (v_broken->>'allowed')::bigint;
      continue;
    end if;
    -- What is there may be so little that the cart has room for it.
    v_short := cart_short_of(p_target, p_wanted);
    v_instead := case when p_target.is_tracked then cart_taken_instead(p_target, v_short, p_policy) end;
    exit when v_instead < p_wanted and cart_limit_broken(p_cart, p_target, v_instead, p_policy) is null;
    return cart_refused_first(p_cart, p_target, p_wanted, p_policy, 'LIMIT_EXCEEDED', v_broken);
  end loop;
  if not cart_fit_hold(p_cart.id, p_target, p_wanted, p_policy, p_until, p_cause) then
    -- Who wants no more than before, of what is no longer promised, may: the line stays flagged.
    if p_wanted > p_target.quantity then
      v_details := cart_short_of(p_target, p_wanted);
      v_instead := cart_taken_instead(p_target, v_details, p_policy);
      if v_instead is null then
        return cart_refusal(p_target, 'INSUFFICIENT_STOCK', v_details);
      end if;
      p_wanted := v_instead;
      if not cart_fit_hold(p_cart.id, p_target, p_wanted, p_policy, p_until, p_cause) then
        raise exception 'stock of variant % moved under its lock', p_target.variant_id;
      end if;
    end if;
  end if;
  perform cart_write_line(p_cart.id, p_target, p_wanted, p_cause.at);
  return ('OK'::text, v_details, p_target.line_id, p_target.variant_id, p_target.quantity, p_wanted,
    (p_wanted > 0)::integer - (p_target.quantity > 0)::integer, 0,
    case when p_target.quantity = 0 then p_target.unit_price_minor end);
end $$;

-- Why a variant cannot be added: it is not for sale here, or has no price (in this currency).
create or replace function cart_why_unavailable(p_cart cart, p_target cart_target) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('currency', p_cart.currency, 'reason', case when exists (
    select 1 from variant v where v.id = p_target.variant_id and v.is_sellable
       and coalesce(p_cart.channel = any(v.channels), true) limit 1) then 'no_price' else 'not_for_sale' end);
end $$;

-- Why units are not added of what has no price in the cart's currency: p_outcome is the last reason that is asked for.
create or replace function cart_why_not_added(
  p_cart cart, p_target cart_target, p_wanted bigint, p_policy cart_policy, p_outcome text
) returns cart_change_result language plpgsql stable as $$
declare
  v_broken jsonb := case when p_wanted > p_target.quantity then cart_line_limit_broken(p_target, p_wanted, p_policy) end;
begin
  if v_broken is not null and not (p_policy.clamp_over_limit or p_policy.clamp_added) then
    return cart_refusal(p_target, 'LIMIT_EXCEEDED', v_broken);
  end if;
  v_broken := case when p_wanted > p_target.quantity and not p_policy.clamp_over_limit
                   then cart_limit_broken(p_cart, p_target, p_wanted, p_policy) end;
  if v_broken is not null then
    return cart_refused_first(p_cart, p_target, p_wanted, p_policy, 'LIMIT_EXCEEDED', v_broken);
  end if;
  return cart_refused_first(p_cart, p_target, p_wanted, p_policy, p_outcome, cart_why_unavailable(p_cart, p_target));
end $$;

-- What a line carries beside its quantity, with the change laid over it: a null takes a key away.
create or replace function cart_merge_extra(p_extra jsonb, p_change jsonb) returns jsonb
language plpgsql immutable as $$
begin
  if p_change is null then
    return p_extra;
  end if;
  return (select jsonb_object_agg(e.key, e.value) from jsonb_each(coalesce(p_extra, '{}') || p_change) e
           where e.value <> 'null'::jsonb);
end $$;

-- What two lines of one variant must have in common to be one line: attributes, customisation and a fixed price.
-- Empty for a plain line, whatever its note says.
create or replace function cart_merge_key(p_extra jsonb, p_fixed_price bigint) returns text language plpgsql immutable as $$
begin
  if p_fixed_price is null and (p_extra is null or not p_extra ?| array['attributes', 'customisation']) then
    return '';
  end if;
  return left(encode(sha256(convert_to(jsonb_build_array(
    p_extra->'attributes', p_extra->'customisation', p_fixed_price)::text, 'UTF8')), 'hex'), 32);
end $$;

-- The line an `add` joins, or a new one at today's price. The outcome tells when the variant cannot be sold.
create or replace function cart_target_of_add(
  p_cart cart, p_change jsonb, p_now timestamptz, out outcome text, out target cart_target
) language plpgsql stable as $$
declare
  r record;
begin
  target.line_id := (p_change->>'line_id')::uuid;
  target.variant_id := (p_change->>'variant_id')::uuid;
  target.merge_key := coalesce(p_change->>'merge_key',
    cart_merge_key(p_change->'extra', (p_change->>'unit_price_minor')::bigint));
  target.quantity := 0;
  target.is_selected := true;
  -- Column by column: a whole row of a variant is copied with all that is shown of it.
  select v.is_sellable, v.channels, v.quantity_max,
         l.id as line_id, l.quantity, l.extra, l.unit_price_minor, l.is_price_fixed, l.is_selected,
         l.shelf_minor, l.shown_minor,
         h.quantity as held, coalesce(k.is_tracked, false) as is_tracked,
         stock_left(k, case when k.overpromised > 0 then coalesce(h.quantity, 0) else 0 end) as available,
         case when p_cart.line_count > 0 then (select sum(o.quantity) from cart_line o
           where o.cart_id = p_cart.id and o.variant_id = v.id and o.merge_key <> target.merge_key) end as others
    into r
    from variant v
    left join cart_line l on l.cart_id = p_cart.id and l.variant_id = v.id and l.merge_key = target.merge_key
    left join stock k on k.variant_id = v.id and k.location_id = '00000000-0000-7000-8000-000000000001'
    left join hold h on h.reservation_id = p_cart.id and h.variant_id = v.id
     and h.location_id = '00000000-0000-7000-8000-000000000001'
   where v.id = target.variant_id;
  if not found then
    outcome := 'PRODUCT_NOT_FOUND';
    return;
  end if;
  target.others := coalesce(r.others, 0);
  target.held := coalesce(r.held, 0);
  target.quantity_max := r.quantity_max;
  target.is_tracked := r.is_tracked;
  target.available := r.available;
  if r.line_id is not null then
    target.line_id := r.line_id;
    target.quantity := r.quantity;
    target.unit_price_minor := r.unit_price_minor;
    target.is_price_fixed := r.is_price_fixed;
    target.is_selected := r.is_selected;
    target.shelf_minor := r.shelf_minor;
    target.shown_minor := r.shown_minor;
  else
    target.unit_price_minor := (p_change->>'unit_price_minor')::bigint;
    target.is_price_fixed := target.unit_price_minor is not null;
    if not target.is_price_fixed then
      select o.amount_minor into target.unit_price_minor
        from variant v, catalog_price(v, p_cart.currency, p_cart.channel, (p_change->>'quantity')::bigint, p_now,
               p_cart.user_id) o
       where v.id = target.variant_id;
      if (p_change->>'listed_minor')::bigint <> target.unit_price_minor then
        raise exception using errcode = '40001', message = 'the price changed meanwhile';
      end if;
    end if;
    -- Without price rules it is what the list asks.
    target.shelf_minor := coalesce((p_change->>'shelf_minor')::bigint, target.unit_price_minor);
    target.shown_minor := coalesce((p_change->>'shown_minor')::bigint, target.unit_price_minor);
  end if;
  target.extra := cart_merge_extra(r.extra, p_change->'extra');
  if not r.is_sellable or not coalesce(p_cart.channel = any(r.channels), true) then
    outcome := 'PRODUCT_UNAVAILABLE';
  elsif target.unit_price_minor is null then
    outcome := case when exists (select 1 from price p where p.variant_id = target.variant_id)
      then 'CURRENCY_MISMATCH' else 'PRODUCT_UNAVAILABLE' end;
  end if;
end $$;

-- An existing line of the cart, with the change laid over it. Null line_id: it is not there.
create or replace function cart_target_of_line(p_cart uuid, p_change jsonb, p_now timestamptz)
returns cart_target language plpgsql stable as $$
declare
  target cart_target;
begin
  select l.id, l.variant_id, l.merge_key, l.quantity,
         cart_merge_extra(l.extra, p_change->'extra'),
         l.unit_price_minor, l.is_price_fixed, coalesce((p_change->>'is_selected')::boolean, l.is_selected),
         coalesce((select sum(o.quantity) from cart_line o
           where o.cart_id = p_cart and o.variant_id = l.variant_id and o.id <> l.id), 0),
         coalesce(h.quantity, 0), v.quantity_max, coalesce(k.is_tracked, false), k.available, l.shelf_minor, l.shown_minor
    into target
    from cart_line l
    cross join lateral (select w.quantity_max from variant w where w.id = l.variant_id limit 1) v
    left join lateral (
      select s.is_tracked,
             stock_left(s, case when s.overpromised > 0 then cart_own(p_cart, s.variant_id, p_now) else 0 end) as available
        from stock s
       where s.variant_id = l.variant_id and s.location_id = '00000000-0000-7000-8000-000000000001' limit 1) k on true
    left join hold h on h.reservation_id = p_cart and h.variant_id = l.variant_id
     and h.location_id = '00000000-0000-7000-8000-000000000001'
   where l.id = (p_change->>'line_id')::uuid and l.cart_id = p_cart;
  return target;
end $$;

-- add {variant_id, quantity, line_id, merge_key?, extra?, unit_price_minor?, listed_minor?, shelf_minor?, shown_minor?}: what
-- the shopper is asked where the list asks listed_minor · set {line_id, quantity?, extra?,
-- is_selected?} · remove {line_id} · duplicate {line_id, copy_id, quantity?, extra?} · save {line_id, reason?} ·
-- restore {line_id, quantity?} · keep {line_id, variant_id, quantity, extra?, accepted_minor} · select {select, line_ids?}. set and remove also reach a saved line.
create or replace function cart_change(
  p_cart cart, p_change jsonb, p_policy cart_policy, p_until timestamptz, p_cause movement_cause
) returns cart_change_result language plpgsql as $$
declare
  added record;
  target cart_target;
  v_op text := p_change->>'op';
  v_wanted bigint;
begin
  if v_op <> 'add' then
    p_policy.clamp_added := false;
  end if;
  if v_op = 'set' then
    p_policy.take_what_is_there := p_policy.take_when_set;
  elsif p_policy.lower_when_set then
    p_policy.lower_when_set := false;
  end if;
  if v_op = 'add' then
    added := cart_target_of_add(p_cart, p_change, p_cause.at);
    target := added.target;
    if added.outcome in ('PRODUCT_NOT_FOUND', 'PRODUCT_UNAVAILABLE') then
      return cart_refusal(target, added.outcome, cart_why_unavailable(p_cart, target));
    elsif p_change ? 'invalid' then
      return cart_refusal(target, 'INVALID_QUANTITY', p_change->'invalid');
    elsif added.outcome is not null then
      return cart_why_not_added(p_cart, target, target.quantity + (p_change->>'quantity')::bigint, p_policy, added.outcome);
    end if;
    -- Less than nothing is asked for only where the shop takes it for taking away.
    return cart_set_line(p_cart, target, greatest(0, target.quantity + (p_change->>'quantity')::bigint), p_policy, p_until, p_cause);
  elsif v_op = 'select' then
    return cart_select(p_cart.id, p_change, p_cause.at);
  elsif v_op = 'restore' then
    return cart_restore_line(p_cart, p_change, p_policy, p_until, p_cause);
  elsif v_op = 'keep' then
    return cart_keep(p_cart, p_change, p_policy, p_cause.at);
  end if;
  target := cart_target_of_line(p_cart.id, p_change, p_cause.at);
  if target.line_id is null then
    if p_cart.saved_count > 0 then
      return cart_change_saved(p_cart.id, p_change, p_cause.at);
    end if;
    return cart_refusal(target, 'ITEM_NOT_FOUND', null);
  elsif p_change ? 'invalid' then
    return cart_refusal(target, 'INVALID_QUANTITY', p_change->'invalid');
  elsif v_op = 'save' then
    return cart_save_line(p_cart, target, coalesce(p_change->>'reason', 'shopper'), p_policy, p_until, p_cause);
  elsif v_op = 'duplicate' then
    return cart_duplicate_line(p_cart, target, p_change, p_policy, p_until, p_cause);
  end if;
  v_wanted := case v_op when 'remove' then 0 else coalesce((p_change->>'quantity')::bigint, target.quantity) end;
  -- What is no longer for sale can stay, and go, but not become more.
  if v_wanted > target.quantity and not exists (select 1 from variant v
    where v.id = target.variant_id and v.is_sellable and coalesce(p_cart.channel = any(v.channels), true))
  then
    return cart_refusal(target, 'PRODUCT_UNAVAILABLE', jsonb_build_object('currency', p_cart.currency));
  elsif v_wanted > 0 and p_change->'extra' ?| array['attributes', 'customisation'] then
    return cart_set_identity(p_cart, target, v_wanted, p_policy, p_until, p_cause);
  end if;
  if (p_change->>'accepted_minor')::bigint <> target.unit_price_minor
     or (p_change->>'shown_minor')::bigint is distinct from target.shown_minor and p_change ? 'accepted_minor'
  then
    return cart_accept_price(p_cart, target, p_change, p_cause.at);
  end if;
  return cart_set_line(p_cart, target, v_wanted, p_policy, p_until, p_cause);
end $$;
