create table event (
  aggregate_id uuid not null,
  version bigint not null,
  aggregate_kind text collate "C" not null,
  id uuid not null,
  type text collate "C" not null,
  data jsonb not null,
  actor text collate "C" not null,
  device text,
  correlation_id text collate "C",
  at timestamptz not null,
  -- A sequence alone is no cursor: a transaction that took a low number may commit last. See platform/outbox.py.
  transaction_id xid8 not null default pg_current_xact_id(),
  sequence bigint generated always as identity,
  primary key (aggregate_id, version)
);
create index event_in_order on event (transaction_id, sequence);

create table event_cursor (
  consumer text collate "C" primary key,
  transaction_id xid8 not null default '0',
  sequence bigint not null default 0,
  updated_at timestamptz not null default clock_timestamp()
);

create table idempotency_record (
  owner bytea not null,
  key text collate "C" not null,
  -- SHA-256 over method, path and body: the same key with another request is a mistake of the client's.
  request_hash bytea not null,
  answer text not null,
  created_at timestamptz not null,
  primary key (owner, key)
);
create index idempotency_record_by_age on idempotency_record using brin (created_at);

create table sql_function_file (
  path text collate "C" primary key,
  sha256 text collate "C" not null,
  -- What the file defines, with its arguments, so that a migration back can take it away and nothing else.
  routines text[] not null,
  applied_at timestamptz not null default clock_timestamp()
);
