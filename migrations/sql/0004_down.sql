-- Takes away what 0004_up made. Lines that were saved for later are gone then: version 0003 has no place for them.
drop table saved_line;
drop index cart_one_open_per_guest;
drop index cart_one_open_per_user;
drop index cart_by_idleness;
update cart set status = 'expired' where is_aside and status in ('active', 'abandoned');
alter table cart
  drop column saved_count,
  drop column is_aside,
  drop column idle_at,
  drop column warned_for;
create unique index cart_one_open_per_guest on cart (token_hash, channel)
  where status in ('active', 'abandoned') and token_hash is not null;
create unique index cart_one_open_per_user on cart (user_id, channel)
  where status in ('active', 'abandoned') and user_id is not null;
alter type cart_policy
  drop attribute saved_count_max,
  drop attribute metadata_bytes_max,
  drop attribute save_expired,
  drop attribute take_when_set,
  drop attribute lower_when_set,
  drop attribute idle_after,
  drop attribute aside_ttl;
alter type cart_change_result
  drop attribute line_delta,
  drop attribute saved_delta;
