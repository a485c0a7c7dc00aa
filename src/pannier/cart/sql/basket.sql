-- A cart's document of goods that are in no cart: [{id, variant_id, quantity}, ...] for a place, a user and codes. The
-- positions are those of cart_documents; what there is no variant of is left out.
create or replace function cart_document_of(
  p_lines jsonb, p_currency text, p_channel text, p_user text, p_codes text[], p_destination jsonb, p_method text,
  p_now timestamptz
) returns text language plpgsql stable as $$
begin
  return json_build_array(
    '00000000-0000-0000-0000-000000000000', 0, 'active', p_currency, p_channel, p_user, p_now, p_now, 'infinity', null,
    p_now, '{}'::json, null,
    (select json_agg(json_build_array(
        l.id, v.id, l.quantity, coalesce(o.amount_minor, 0), false, true, p_now, p_now, null, v.display,
        v.is_sellable and (v.channels is null or p_channel = any(v.channels)),
        json_build_array(o.amount_minor, o.compare_at_minor), null, false) order by l.id)
       from jsonb_to_recordset(p_lines) l(id uuid, variant_id uuid, quantity bigint)
      cross join lateral (select w as variant, w.* from variant w where w.id = l.variant_id limit 1) v
      cross join lateral catalog_price(v.variant, p_currency, p_channel, l.quantity, p_now, p_user) o),
    null, false, '{}'::text[], null, (select r.revision from price_book_revision r where r.only_row),
    p_destination, p_method,
    case when p_user is not null then cart_shopper(p_user) end,
    coupon_documents(p_codes, p_user, null))::text;
end $$;

-- What requests put in, each as a document of its own for the shopper whose cart it goes into: [{number, lines, token or
-- user_id, channel, currency}, ...].
create or replace function cart_offered(p_requests jsonb, p_offset interval) returns table (number integer, document text)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select (r.value->>'number')::integer, cart_document_of(r.value->'lines', r.value->>'currency', r.value->>'channel',
      r.value->>'user_id', '{}', (select c.destination from cart c where c.id = o.id limit 1), null,
      clock_timestamp() + p_offset)
    from jsonb_array_elements(p_requests) r
   cross join lateral cart_of_owner(decode(r.value->>'token', 'hex'), r.value->>'user_id', r.value->>'channel') o;
end $$;
