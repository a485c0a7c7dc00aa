-- Takes away what 0005_up made. Carts that were merged are expired ones for version 0004.
drop table cart_share, cart_merge, cart_history, cart_snapshot;
delete from event_cursor where consumer = 'cart.history';
alter table cart drop column coupons;
alter type cart_change_result drop attribute price_minor;

-- An enum cannot lose a value, so it is made anew, and with it whatever stands on it.
create temporary table index_to_make_again on commit drop as
select pg_get_indexdef(i.indexrelid) as definition, i.indexrelid::regclass::text as name
  from pg_index i where i.indrelid = 'cart'::regclass and pg_get_expr(i.indpred, i.indrelid) like '%status%';
do $$
declare
  i record;
begin
  for i in select name from index_to_make_again loop
    execute 'drop index ' || i.name;
  end loop;
  alter type cart_status rename to cart_status_of_0005;
  create type cart_status as enum ('active', 'abandoned', 'converted', 'expired');
  alter table cart alter column status drop default;
  alter table cart alter column status type cart_status
    using (case status::text when 'merged' then 'expired' else status::text end)::cart_status;
  alter table cart alter column status set default 'active';
  drop type cart_status_of_0005;
  for i in select definition from index_to_make_again loop
    execute replace(i.definition, 'cart_status_of_0005', 'cart_status');
  end loop;
end $$;
