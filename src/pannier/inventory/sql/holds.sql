-- Who may have how much now: locking, expiry and availability.

-- Locks the stock rows of the variants, in the one order everybody uses, and lets go of holds that are due.
-- A variant without a row is not counted and needs no lock. Answers the moment the locks were had:
-- whatever is decided about expiry under them is decided at that moment.
create or replace function stock_lock(p_variants uuid[], p_offset interval, p_cause movement_cause)
returns timestamptz language plpgsql as $$
declare
  v_now timestamptz;
  v_next timestamptz;
  s record;
begin
  select min(k.next_due_at) into v_next from (
    select next_due_at from stock where variant_id = any(p_variants) order by variant_id, location_id for update
  ) k;
  v_now := clock_timestamp() + p_offset;
  if v_next <= v_now then
    p_cause.at := v_now;
    for s in
      select variant_id, location_id from stock
       where variant_id = any(p_variants) and next_due_at <= v_now order by variant_id, location_id
    loop
      perform stock_expire_due(s.variant_id, s.location_id, v_now, p_cause);
    end loop;
  end if;
  return v_now;
end $$;

-- Expires what is due on one locked row. A reservation whose row its owner has locked is being extended right
-- now: it is passed over without waiting, which is also why this lock, out of order as it is, cannot deadlock.
-- It is shared, so that whoever lets go of the reservation's units of another variant is not taken for its owner.
create or replace function stock_expire_due(
  p_variant uuid, p_location uuid, p_now timestamptz, p_cause movement_cause
) returns integer language plpgsql as $$
declare
  h record;
  v_expired integer := 0;
begin
  for h in
    select reservation_id, quantity from hold
     where variant_id = p_variant and location_id = p_location and due_at <= p_now and due_at < 'infinity'
     order by due_at, reservation_id
  loop
    perform 1 from reservation where id = h.reservation_id and expires_at <= p_now for share skip locked;
    if found then
      p_cause.reference_kind := 'reservation';
      p_cause.reference_id := h.reservation_id;
      p_cause.reason := 'the hold ran out';
      perform stock_release(h.reservation_id, p_variant, p_location, h.quantity, 'expire', p_cause);
      v_expired := v_expired + 1;
    else
      update hold set due_at = r.expires_at from reservation r
       where hold.reservation_id = h.reservation_id and hold.variant_id = p_variant
         and hold.location_id = p_location and r.id = h.reservation_id;
    end if;
  end loop;
  update stock k
     set next_due_at = coalesce((select min(d.due_at) from hold d
                                  where d.variant_id = p_variant and d.location_id = p_location
                                    and d.due_at < 'infinity'), 'infinity')
   where k.variant_id = p_variant and k.location_id = p_location;
  return v_expired;
end $$;

-- Units that holds which have run out still keep: they are for sale, whoever gets to expire them.
create or replace function stock_dead(p_variant uuid, p_location uuid, p_now timestamptz)
returns bigint language plpgsql stable as $$
begin
  return (select coalesce(sum(h.quantity), 0)
            from hold h
           cross join lateral (select v.expires_at from reservation v where v.id = h.reservation_id limit 1) r
           where h.variant_id = p_variant and h.location_id = p_location and h.due_at <= p_now
             and h.due_at < 'infinity' and r.expires_at <= p_now);
end $$;

-- Makes the reservation live until the given moment at least once per half of its life, so that most
-- writes of a busy cart touch no row here. Activity extends up to the cap; a lapsed one begins anew.
-- Answers when it runs out.
create or replace function reservation_renew(
  p_id uuid, p_owner_kind text, p_now timestamptz, p_ttl interval, p_cap interval
) returns timestamptz language plpgsql as $$
declare
  r record;
  v_until timestamptz;
begin
  select held_since, expires_at into r from reservation where id = p_id;
  if r.expires_at >= p_now + p_ttl / 2 then
    return r.expires_at;
  end if;
  select held_since, expires_at into r from reservation where id = p_id for update;
  if not found then
    v_until := p_now + p_ttl;
    insert into reservation (id, owner_kind, held_since, expires_at) values (p_id, p_owner_kind::reservation_owner, p_now, v_until)
    on conflict (id) do update set held_since = excluded.held_since, expires_at = excluded.expires_at;
    return v_until;
  end if;
  if r.expires_at <= p_now then
    r.held_since := p_now;
  end if;
  v_until := greatest(r.expires_at, least(p_now + p_ttl, r.held_since + greatest(p_cap, p_ttl)));
  update reservation set held_since = r.held_since, expires_at = v_until
   where id = p_id and (expires_at, held_since) is distinct from (v_until, r.held_since);
  return v_until;
end $$;
