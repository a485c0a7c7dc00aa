-- What a shopper was typing when it was saved last, as it was: nothing of it counts, and what is told takes its place.
alter table checkout add column draft jsonb;
-- For whoever closes sessions whose time is up. A session that is completed leaves it and is written to it no more.
create index checkout_by_expiry on checkout (expires_at) where status in ('incomplete', 'ready_for_complete');
