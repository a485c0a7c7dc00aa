-- Every check of a customer's tax id, with what was found: a shop has to show that it looked. What counts now stands on
-- the customer's profile.
create table tax_id_check (
  id uuid primary key,
  user_id text collate "C" not null check (user_id <> ''),
  number text collate "C" not null check (length(number) between 1 and 60),
  country text collate "C" not null,
  is_valid boolean not null,
  reason text,
  -- format: length and check digits; vies: the register of the EU; staff: somebody of the shop.
  checked_by text collate "C" not null check (checked_by in ('format', 'vies', 'staff')),
  -- Of the business, as the register has it.
  name text,
  checked_at timestamptz not null
);
create index tax_id_check_by_user on tax_id_check (user_id, checked_at, id);
