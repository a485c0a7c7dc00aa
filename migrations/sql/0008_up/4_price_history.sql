-- Every change of a price, kept: the price on any date can be asked for.
create table price_history (
  id bigint generated always as identity primary key,
  price_id uuid not null,
  variant_id uuid not null,
  price_list text collate "C" not null,
  channel text collate "C",
  currency currency_code not null,
  customer_group text collate "C",
  quantity_min integer not null,
  valid_from timestamptz not null,
  valid_to timestamptz not null,
  -- Null before there was a price, and after it was taken away.
  amount_before bigint,
  amount_after bigint,
  compare_at_before bigint,
  compare_at_after bigint,
  actor text collate "C" not null,
  reason text not null default '',
  correlation_id text collate "C",
  at timestamptz not null
);
create index price_history_by_variant on price_history (variant_id, id);
create index price_history_by_price on price_history (price_id, id);

-- Written by triggers, so that nothing changes a price past it. Who and why is what the transaction has said in
-- pannier.price_cause, as {actor, reason, correlation_id, at}; without that, the role of the database.
create function price_is_kept() returns trigger language plpgsql as $$
declare
  v_said jsonb := coalesce(nullif(current_setting('pannier.price_cause', true), ''), '{}')::jsonb;
  v_actor text := coalesce(v_said->>'actor', 'database:' || session_user);
  v_reason text := coalesce(v_said->>'reason', '');
  v_at timestamptz := coalesce((v_said->>'at')::timestamptz, clock_timestamp());
begin
  if tg_op = 'INSERT' then
    insert into price_history (price_id, variant_id, price_list, channel, currency, customer_group, quantity_min,
      valid_from, valid_to, amount_after, compare_at_after, actor, reason, correlation_id, at)
    select n.id, n.variant_id, n.price_list, n.channel, n.currency, n.customer_group, n.quantity_min,
           n.valid_from, n.valid_to, n.amount_minor, n.compare_at_minor, v_actor, v_reason, v_said->>'correlation_id', v_at
      from made n;
  elsif tg_op = 'UPDATE' then
    insert into price_history (price_id, variant_id, price_list, channel, currency, customer_group, quantity_min,
      valid_from, valid_to, amount_before, amount_after, compare_at_before, compare_at_after, actor, reason,
      correlation_id, at)
    select n.id, n.variant_id, n.price_list, n.channel, n.currency, n.customer_group, n.quantity_min,
           n.valid_from, n.valid_to, o.amount_minor, n.amount_minor, o.compare_at_minor, n.compare_at_minor, v_actor,
           v_reason, v_said->>'correlation_id', v_at
      from made n join was o on o.id = n.id
     where o is distinct from n;
  else
    insert into price_history (price_id, variant_id, price_list, channel, currency, customer_group, quantity_min,
      valid_from, valid_to, amount_before, compare_at_before, actor, reason, correlation_id, at)
    select o.id, o.variant_id, o.price_list, o.channel, o.currency, o.customer_group, o.quantity_min,
           o.valid_from, o.valid_to, o.amount_minor, o.compare_at_minor, v_actor, v_reason, v_said->>'correlation_id', v_at
      from was o;
  end if;
  return null;
end $$;
create trigger price_made_is_kept after insert on price
  referencing new table as made for each statement execute function price_is_kept();
create trigger price_changed_is_kept after update on price
  referencing old table as was new table as made for each statement execute function price_is_kept();
create trigger price_gone_is_kept after delete on price
  referencing old table as was for each statement execute function price_is_kept();

insert into price_history (price_id, variant_id, price_list, channel, currency, customer_group, quantity_min,
  valid_from, valid_to, amount_after, compare_at_after, actor, reason, at)
select id, variant_id, price_list, channel, currency, customer_group, quantity_min, valid_from, valid_to, amount_minor,
  compare_at_minor, 'migration', 'as it was when the records began', clock_timestamp()
  from price order by variant_id, id;
