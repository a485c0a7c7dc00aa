-- The lowest plain price that variants have had since a moment, the one of that moment included: what a reduction has to
-- be told against (Directive 98/6/EC, article 6a, asks for 30 days). A variant without a history is left out.
create or replace function price_lowest(p_variants uuid[], p_currency text, p_since timestamptz)
returns table (variant_id uuid, amount_minor bigint) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select w.id, l.amount from unnest(p_variants) w(id)
   cross join lateral (
     select min(s.amount) as amount from (
       select h.amount_after as amount from price_history h
        where h.variant_id = w.id and h.at >= p_since and h.currency = p_currency and h.price_list = 'default'
          and h.channel is null and h.customer_group is null and h.quantity_min = 1
       union all
       (select h.amount_after from price_history h
         where h.variant_id = w.id and h.at < p_since and h.currency = p_currency and h.price_list = 'default'
           and h.channel is null and h.customer_group is null and h.quantity_min = 1
         order by h.id desc limit 1)) s) l
   where l.amount is not null;
end $$;

-- The lowest plain price that variants had in the days before they got the one of now: what it may be called a reduction
-- of. A variant that never cost anything else is left out.
create or replace function price_lowest_before(p_variants uuid[], p_currency text, p_days integer)
returns table (variant_id uuid, amount_minor bigint) language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select w.id, l.amount from unnest(p_variants) w(id)
   cross join lateral (
     select h.id, h.at - make_interval(days => p_days) as since from price_history h
      where h.variant_id = w.id and h.currency = p_currency and h.price_list = 'default'
        and h.channel is null and h.customer_group is null and h.quantity_min = 1
      order by h.id desc limit 1) n
   cross join lateral (
     select min(s.amount) as amount from (
       select h.amount_after as amount from price_history h
        where h.variant_id = w.id and h.at >= n.since and h.id < n.id and h.currency = p_currency
          and h.price_list = 'default' and h.channel is null and h.customer_group is null and h.quantity_min = 1
       union all
       (select h.amount_after from price_history h
         where h.variant_id = w.id and h.at < n.since and h.currency = p_currency and h.price_list = 'default'
           and h.channel is null and h.customer_group is null and h.quantity_min = 1
         order by h.id desc limit 1)) s) l
   where l.amount is not null;
end $$;
