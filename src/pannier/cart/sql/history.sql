-- What a cart was at each of its versions. Events are kept apart from the outbox, which is pruned; a state is folded
-- from them, beginning at the nearest snapshot. A state is {status, lines: {id: row of cart_line}, saved: {id: row of
-- saved_line}, metadata, coupons}.

-- The lines and saved lines of these variants, as they are now: what an event tells where before and after alone do
-- not say it. Whoever reads it replaces all it knew of these variants.
create or replace function cart_after(p_cart uuid, p_variants uuid[]) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('variants', to_jsonb(p_variants),
    'lines', (select coalesce(jsonb_agg(to_jsonb(l) - 'cart_id' order by l.id), '[]') from cart_line l
               where l.cart_id = p_cart and l.variant_id = any(p_variants)),
    'saved', (select coalesce(jsonb_agg(to_jsonb(s) - 'cart_id' order by s.id), '[]') from saved_line s
               where s.cart_id = p_cart and s.variant_id = any(p_variants)));
end $$;

-- What an event tells beside its results, where those do not say all: the lines that were touched.
create or replace function cart_touched(p_cart uuid, p_results jsonb, p_now timestamptz) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('after', cart_after(p_cart, array(
    select (x->>'variant_id')::uuid from jsonb_array_elements(p_results) x where x->>'variant_id' is not null
    union select s.variant_id from saved_line s where s.cart_id = p_cart and s.saved_at = p_now)));
end $$;

-- The state of a cart after one more event. Pure.
create or replace function cart_state_after(p_state jsonb, p_type text, p_data jsonb, p_at timestamptz)
returns jsonb language plpgsql immutable as $$
declare
  c_empty constant jsonb := '{"status": "active", "lines": {}, "saved": {}, "metadata": {}, "coupons": []}';
  v_state jsonb := coalesce(p_state, c_empty);
  v_after jsonb := p_data->'after';
  v_touched text[];
  v_lines jsonb;
begin
  if v_after is not null then
    v_state := v_state || jsonb_build_object(
      'lines', cart_state_replace(v_state->'lines', v_after->'variants', v_after->'lines'),
      'saved', cart_state_replace(v_state->'saved', v_after->'variants', v_after->'saved'));
  elsif p_data ? 'changes' then
    -- Of several changes of one line the last one counts.
    select coalesce(array_agg(t.id), '{}'), coalesce(jsonb_object_agg(t.id,
             coalesce(v_state->'lines'->t.id, jsonb_build_object('id', t.id, 'variant_id', t.variant_id, 'merge_key', '',
               'extra', null, 'unit_price_minor', t.price, 'is_price_fixed', false, 'is_selected', true, 'added_at', p_at))
             || jsonb_build_object('quantity', t.quantity, 'updated_at', p_at)) filter (where t.quantity > 0), '{}')
      into v_touched, v_lines
      from (select distinct on (x.value->>'line_id') x.value->>'line_id' as id, x.value->>'variant_id' as variant_id,
                   (x.value->>'after')::bigint as quantity,
                   max((x.value->>'price')::bigint) over (partition by x.value->>'line_id') as price
              from jsonb_array_elements(p_data->'changes') with ordinality x
             where x.value->>'outcome' = 'OK' and x.value->>'line_id' is not null
             order by x.value->>'line_id', x.ordinality desc) t;
    v_state := v_state || jsonb_build_object('lines', (v_state->'lines') - v_touched || v_lines,
      'saved', (v_state->'saved') - v_touched);
  end if;
  if p_data->'changes' @> '[{"op": "select"}]' then
    v_state := v_state || jsonb_build_object('lines', cart_state_select(v_state->'lines', p_data->'changes', p_at));
  end if;
  return v_state || jsonb_strip_nulls(jsonb_build_object('metadata', p_data->'metadata', 'coupons', p_data->'coupons'))
    || jsonb_build_object('status', case p_type when 'cart.converted' then 'converted' when 'cart.expired' then 'expired'
         when 'cart.abandoned' then 'abandoned' when 'cart.merged_into' then 'merged' else 'active' end);
end $$;

-- Lines by id, with another selection: its event tells which lines it moved, since it may be a thousand. Pure.
create or replace function cart_state_select(p_lines jsonb, p_changes jsonb, p_at timestamptz) returns jsonb
language sql immutable as $$
  select p_lines || coalesce(jsonb_object_agg(t.id, (p_lines->t.id)
           || jsonb_build_object('is_selected', t.is_selected, 'updated_at', p_at)) filter (where p_lines ? t.id), '{}')
    from (select distinct on (i.id) i.id, i.is_selected
            from jsonb_array_elements(p_changes) with ordinality c
           cross join lateral (
             select x as id, true as is_selected from jsonb_array_elements_text(c.value->'details'->'selected') x
             union all
             select x, false from jsonb_array_elements_text(c.value->'details'->'deselected') x) i
           where c.value->>'op' = 'select' and c.value->>'outcome' = 'OK'
           order by i.id, c.ordinality desc) t
$$;

-- Lines by id, without those of some variants, and with others in their place. Pure.
create or replace function cart_state_replace(p_lines jsonb, p_variants jsonb, p_rows jsonb) returns jsonb
language sql immutable as $$
  select coalesce((select jsonb_object_agg(e.key, e.value) from jsonb_each(p_lines) e
                    where not p_variants ? (e.value->>'variant_id')), '{}')
      || coalesce((select jsonb_object_agg(r->>'id', r) from jsonb_array_elements(p_rows) r), '{}')
$$;

-- Events of a cart after one version and up to another, those that are still in the outbox alone included.
create or replace function cart_events(p_cart uuid, p_after bigint, p_to bigint) returns setof cart_history
language plpgsql stable as $$
declare
  v_kept bigint := coalesce((select max(h.version) from cart_history h where h.cart_id = p_cart), 0);
begin
  return query
  select h.* from cart_history h where h.cart_id = p_cart and h.version > p_after and h.version <= p_to
  union all
  select e.aggregate_id, e.version, e.id, e.type, e.data, e.actor, e.device, e.correlation_id, e.at from event e
   where e.aggregate_id = p_cart and e.aggregate_kind = 'cart' and e.version > greatest(p_after, v_kept) and e.version <= p_to
   order by 2;
end $$;

-- What a cart was at a version; null when that is not kept. p_before: only snapshots before this version are used.
create or replace function cart_state_at(p_cart uuid, p_version bigint, p_before bigint default 9223372036854775807)
returns jsonb language plpgsql stable as $$
declare
  s cart_snapshot;
  e cart_history;
  v_state jsonb;
  v_version bigint := 0;
begin
  select * into s from cart_snapshot k where k.cart_id = p_cart and k.version <= p_version and k.version < p_before
   order by k.version desc limit 1;
  if s.cart_id is not null then
    v_state := s.state;
    v_version := s.version;
  end if;
  for e in select * from cart_events(p_cart, v_version, p_version) loop
    if e.version <> v_version + 1 then
      return null;
    end if;
    v_state := cart_state_after(v_state, e.type, e.data, e.at);
    v_version := e.version;
  end loop;
  return case when v_version = p_version then v_state end;
end $$;

-- What differs between two states, line by line: [{"id", "is_saved", "before", "after"}], null for not there. Pure.
create or replace function cart_state_changes(p_before jsonb, p_after jsonb) returns jsonb language sql immutable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'is_saved', p.part = 'saved',
           'before', p_before->p.part->k.id, 'after', p_after->p.part->k.id) order by p.part, k.id), '[]')
    from (values ('lines'), ('saved')) p(part)
   cross join lateral (
     select jsonb_object_keys(coalesce(p_before->p.part, '{}') || coalesce(p_after->p.part, '{}')) as id) k
   where (p_before->p.part->k.id) is distinct from (p_after->p.part->k.id)
$$;
