-- Who was signed out, blocked or erased while an access token was still good: by the digest of the session or the user
-- id, until the last token that may be about has run out. Every process keeps a copy, so it is to stay small.
create table access_ended (
  subject sha256_digest primary key,
  ended_at timestamptz not null,
  until timestamptz not null check (until >= ended_at),
  -- Or only those tokens are refused that were made until then: a user of an outside issuer may come back as a new one.
  is_final boolean not null
);
create index access_ended_by_time on access_ended (until);

-- Whether those with the link see what the owner noted on the lines. Not unless that was chosen: a note may be private.
alter table cart_share add column shows_notes boolean not null default false;
