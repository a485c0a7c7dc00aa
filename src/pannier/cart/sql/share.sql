-- Shared carts. Whoever has a link has what it allows, until it is revoked, its time is up, or the cart is closed.

-- The open cart behind a link, with its owner; nothing for a link that is not, no longer or not yet good.
create or replace function cart_of_share(p_token bytea, p_offset interval)
returns table (share_id uuid, is_collaborative boolean, shows_notes boolean, expires_at timestamptz, cart_id uuid, token_hash bytea, user_id text, channel text)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select s.id, s.is_collaborative, s.shows_notes, s.expires_at, c.id, c.token_hash::bytea, c.user_id, c.channel
    from cart_share s
   cross join lateral (
     select k.id, k.token_hash, k.user_id, k.channel from cart k
      where k.id = s.cart_id and k.status in ('active', 'abandoned') and not k.is_aside
        and k.expires_at > clock_timestamp() + p_offset limit 1) c
   where s.token_hash = p_token and s.revoked_at is null and s.expires_at > clock_timestamp() + p_offset;
end $$;

-- Makes a link to the owner's open cart, unless it has p_max that are good. Answers the cart, null when there is none.
create or replace function cart_share_make(
  p_id uuid, p_digest bytea, p_is_collaborative boolean, p_shows_notes boolean, p_ttl interval, p_token bytea, p_user text,
  p_channel text, p_max integer, p_offset interval,
  out shared uuid, out is_full boolean, out made_at timestamptz, out until timestamptz
) language plpgsql as $$
begin
  made_at := clock_timestamp() + p_offset;
  until := coalesce(made_at + p_ttl, 'infinity');
  shared := cart_of_history(null, p_token, p_user, p_channel, made_at);
  -- Counted under the cart's lock, so that many at once make no more than there may be.
  perform 1 from cart where id = shared for update;
  is_full := (select count(*) >= p_max from cart_share s
               where s.cart_id = shared and s.revoked_at is null and s.expires_at > made_at);
  insert into cart_share (id, cart_id, token_hash, is_collaborative, shows_notes, created_at, expires_at)
  select p_id, shared, p_digest, p_is_collaborative, p_shows_notes, made_at, until where shared is not null and not is_full;
end $$;
