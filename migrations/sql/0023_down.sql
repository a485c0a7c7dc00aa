drop function if exists checkout_draft(uuid, bytea, text, boolean, jsonb, interval);
drop function if exists checkout_expire_due(uuid[], interval);
drop function if exists cart_beside(uuid, bytea, text, interval);
drop index checkout_by_expiry;
alter table checkout drop column draft;
