-- Wishlists: what somebody would like to have one day, and whom to tell when it is there or costs less.

-- A list of a customer's, or of a guest's by the digest of the cart token.
create table wishlist (
  id uuid primary key,
  user_id text collate "C",
  token_hash sha256_digest,
  -- As it was written, and as it is compared: folded.
  name text not null check (length(name) between 1 and 100),
  name_key text collate "C" not null,
  is_default boolean not null,
  version bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((user_id is null) <> (token_hash is null))
);
-- An owner has each name once. Two indexes and not one, as in `cart`: neither can answer for the other kind of owner.
create unique index wishlist_name_per_user on wishlist (user_id, name_key) where user_id is not null;
create unique index wishlist_name_per_guest on wishlist (token_hash, name_key) where token_hash is not null;
create unique index wishlist_one_default_per_user on wishlist (user_id) where is_default and user_id is not null;
create unique index wishlist_one_default_per_guest on wishlist (token_hash) where is_default and token_hash is not null;
create index wishlist_of_guests_by_age on wishlist (updated_at) where token_hash is not null;

-- A variant on a list, with attributes, note and customisation as a cart line has them in `extra`.
create table wishlist_item (
  id uuid primary key,
  wishlist_id uuid not null references wishlist on delete cascade,
  variant_id uuid not null,
  merge_key text collate "C" not null default '',
  quantity positive_quantity not null,
  extra jsonb,
  position integer not null,
  -- What one unit cost when it was added; null when it had no price then.
  added_price_minor natural_minor,
  added_currency currency_code,
  -- Since when its owner wants to be told that it is there again, or costs less; null is not at all.
  stock_wanted_at timestamptz,
  price_wanted_at timestamptz,
  -- Whether it was gone, so that its coming back is news.
  is_awaited boolean not null default false,
  -- Less than this is news. It rises with the price again, but not above what one unit cost when the switch was set.
  told_price_minor natural_minor,
  base_price_minor natural_minor,
  -- Tasks before this one are about the time before the switch was set.
  watched_from bigint not null default 0,
  added_at timestamptz not null,
  updated_at timestamptz not null,
  constraint wishlist_item_once unique (wishlist_id, variant_id, merge_key),
  check ((added_price_minor is null) = (added_currency is null))
);
create index wishlist_item_wanting_stock on wishlist_item (variant_id) where stock_wanted_at is not null;
create index wishlist_item_wanting_price on wishlist_item (variant_id) where price_wanted_at is not null;

-- Links by which a list is shown to others. Of the token only the digest is here.
create table wishlist_share (
  id uuid primary key,
  wishlist_id uuid not null references wishlist on delete cascade,
  token_hash sha256_digest not null unique,
  created_at timestamptz not null,
  revoked_at timestamptz
);
create index wishlist_share_by_list on wishlist_share (wishlist_id);

-- Something that came back or became cheaper, for one customer, and the mail about it.
create table wishlist_notice (
  id uuid primary key,
  user_id text collate "C" not null,
  wishlist_id uuid not null,
  item_id uuid not null,
  variant_id uuid not null,
  kind text collate "C" not null check (kind in ('back_in_stock', 'price_drop')),
  currency currency_code not null,
  price_before_minor natural_minor,
  price_minor natural_minor,
  attempts integer not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null,
  sent_at timestamptz,
  -- Why it was not sent, where it was not: not_wanted, gone, no_address, given_up.
  dropped text collate "C",
  check (sent_at is null or dropped is null)
);
-- On however many lists somebody has a thing: one mail says it once.
create unique index wishlist_notice_once on wishlist_notice (user_id, variant_id, kind) where sent_at is null and dropped is null;
create index wishlist_notice_due on wishlist_notice (due_at) where sent_at is null and dropped is null;
create index wishlist_notice_by_age on wishlist_notice (created_at);

-- Links in those mails that end them: by the digest of the token, and for which items.
create table wishlist_unsubscribe (
  token_hash sha256_digest primary key,
  user_id text collate "C" not null,
  item_ids uuid[] not null,
  created_at timestamptz not null
);
create index wishlist_unsubscribe_by_age on wishlist_unsubscribe (created_at);
create index wishlist_unsubscribe_by_user on wishlist_unsubscribe (user_id);
create index wishlist_notice_by_user on wishlist_notice (user_id);

-- What has happened to variants that somebody may have been waiting for. Rows are only ever added and taken away.
-- gone: the shelf is empty; look: it may be there again, or cost something else.
create table wishlist_task (
  id bigint generated always as identity primary key,
  kind text collate "C" not null check (kind in ('gone', 'look')),
  variant_id uuid not null
);
-- Up to when prices that begin and end by themselves have been looked at.
create table wishlist_watch (
  only_row boolean primary key default true check (only_row),
  looked_until timestamptz not null
);
insert into wishlist_watch (looked_until) values (clock_timestamp());
create index price_by_beginning on price (valid_from) where valid_from > '-infinity';
create index price_by_end on price (valid_to) where valid_to < 'infinity';

-- Whether anybody waits is not asked here: who is just about to say so could not be seen yet.
create function wishlist_is_told() returns trigger language plpgsql as $$
begin
  insert into wishlist_task (kind, variant_id) values (tg_argv[0], new.variant_id);
  return null;
end $$;
create function wishlist_is_told_of_variant() returns trigger language plpgsql as $$
begin
  insert into wishlist_task (kind, variant_id) values ('look', new.id);
  return null;
end $$;
create function wishlist_is_told_of_price() returns trigger language plpgsql as $$
begin
  insert into wishlist_task (kind, variant_id) values ('look', case when tg_op = 'DELETE' then old.variant_id else new.variant_id end);
  return null;
end $$;

-- The last unit that leaves the shelf: what carts hold is still on it.
create trigger stock_gone_tells_wishlists
  after update of on_hand, is_tracked, backorder_max, safety_quantity on stock for each row
  when (new.is_tracked and new.on_hand + new.backorder_max - new.safety_quantity <= 0
        and not (old.is_tracked and old.on_hand + old.backorder_max - old.safety_quantity <= 0 is true))
  execute function wishlist_is_told('gone');
-- The first unit that can be had again, by a delivery or because somebody's hold ended.
create trigger stock_back_tells_wishlists
  after update of on_hand, held, is_tracked, backorder_max, safety_quantity on stock for each row
  when (old.is_tracked and old.on_hand + old.backorder_max - old.safety_quantity - old.held <= 0
        and not (new.is_tracked and new.on_hand + new.backorder_max - new.safety_quantity - new.held <= 0 is true))
  execute function wishlist_is_told('look');
-- A variant that is new has no price before its first one, and nobody has it on a list.
create trigger variant_tells_wishlists
  after update of is_sellable, channels, plain_prices, has_other_prices on variant for each row
  when (old.display::text <> '{}' and (old.is_sellable, old.channels, old.plain_prices, old.has_other_prices)
        is distinct from (new.is_sellable, new.channels, new.plain_prices, new.has_other_prices))
  execute function wishlist_is_told_of_variant();
-- Prices that hold always and everywhere stand in the variant; these do not.
create trigger price_made_tells_wishlists after insert or update on price for each row
  when (new.channel is not null or new.valid_from > '-infinity' or new.valid_to < 'infinity')
  execute function wishlist_is_told_of_price();
create trigger price_gone_tells_wishlists after delete on price for each row
  when (old.channel is not null or old.valid_from > '-infinity' or old.valid_to < 'infinity')
  execute function wishlist_is_told_of_price();
