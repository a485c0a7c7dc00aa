-- What the shop charges beside its prices is kept in the memory of every process, which compares this number with the
-- one it read its book at. Whatever changes figures calls price_book_touch() in its own transaction.
create table price_book_revision (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
insert into price_book_revision (revision) values (1);

-- Who changed a promotion, a coupon, a price rule, a rate, when, and from what to what. The outbox tells the same to
-- others and is pruned; this is kept.
create table price_audit (
  id uuid primary key,
  at timestamptz not null,
  actor text collate "C" not null,
  device text,
  correlation_id text collate "C",
  subject_kind text collate "C" not null check (subject_kind <> ''),
  subject_id text collate "C" not null check (subject_id <> ''),
  -- What a person calls it, as it was called then.
  subject_name text not null default '',
  action text collate "C" not null check (action <> ''),
  before jsonb,
  after jsonb
);
create index price_audit_in_order on price_audit (at, id);
create index price_audit_by_subject on price_audit (subject_kind, subject_id, at, id);
create index price_audit_by_actor on price_audit (actor, at, id);
