-- Amounts in another currency, by the rates of a day. currencies/rules.py says the same in Python, and a test compares
-- the two. What is converted, and how it is rounded, is a setting: every connection has it in pannier.conversion, as
-- {source, targets, rounding, step_minor, age_days_max}; without that nothing is.

-- Decimals of a currency's minor unit (ISO 4217), as the kernel has them.
create or replace function currency_digits(p_currency text) returns integer language sql immutable parallel safe as $$
  select case
    when p_currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF',
      'XAG', 'XAU', 'XBA', 'XBB', 'XBC', 'XBD', 'XDR', 'XOF', 'XPD', 'XPF', 'XPT', 'XSU', 'XTS', 'XUA', 'XXX') then 0
    when p_currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 3
    when p_currency in ('CLF', 'UYW') then 4
    else 2 end
$$;

-- One unit of p_source is `above / below` units of p_target on the newest day that has rates for both, at most
-- p_age_days_max before p_on: directly, the other way round, or by way of a currency that both have rates with.
create or replace function fx_exchange(
  p_source text, p_target text, p_on date, p_age_days_max integer,
  out above numeric, out below numeric, out on_date date
) language sql stable as $$
  select e.above, e.below, e.on_date
    from (
      select r.rate as above, 1::numeric as below, r.on_date, 1 as way, '' as by from fx_rate r
       where r.base = p_source and r.quote = p_target and r.on_date between p_on - p_age_days_max and p_on
      union all
      select 1, r.rate, r.on_date, 2, '' from fx_rate r
       where r.base = p_target and r.quote = p_source and r.on_date between p_on - p_age_days_max and p_on
      union all
      select t.rate, s.rate, s.on_date, 3, s.base
        from fx_rate s join fx_rate t on t.base = s.base and t.on_date = s.on_date and t.quote = p_target
       where s.quote = p_source and s.on_date between p_on - p_age_days_max and p_on
      union all
      select 1, 1, p_on, 0, '' where p_source = p_target
    ) e
   order by e.on_date desc, e.way, e.by collate "C" limit 1
$$;

-- p_amount × p_above / p_below, from minor units of one currency to those of the other, as a multiple of p_step.
create or replace function currency_convert(
  p_amount bigint, p_source text, p_target text, p_above numeric, p_below numeric, p_rounding text, p_step bigint
) returns bigint language sql immutable parallel safe as $$
  select (p_step * (div(e.n, e.d) + case p_rounding
            when 'down' then 0
            when 'half_down' then (2 * mod(e.n, e.d) > e.d)::integer
            when 'half_even' then (2 * mod(e.n, e.d) > e.d
              or 2 * mod(e.n, e.d) = e.d and mod(div(e.n, e.d), 2) = 1)::integer
            else (2 * mod(e.n, e.d) >= e.d)::integer end))::bigint
    from (select p_amount * p_above * 10::numeric ^ currency_digits(p_target) as n,
                 p_below * 10::numeric ^ currency_digits(p_source) * p_step as d) e
$$;

-- How prices, the shop's unless p_source names another currency, become those of a currency at a moment: {source,
-- target, above, below, on, rounding, step_minor}; null where they do not.
create or replace function currency_conversion(p_target text, p_now timestamptz, p_source text default null)
returns jsonb language plpgsql stable as $$
declare
  v_said jsonb := coalesce(nullif(current_setting('pannier.conversion', true), ''), '{}')::jsonb;
  v_source text := coalesce(p_source, v_said->>'source');
  e record;
begin
  if not coalesce(v_said->'targets' ? p_target, false) then
    return null;
  end if;
  select * into e from fx_exchange(v_source, p_target, (p_now at time zone 'UTC')::date,
    (v_said->>'age_days_max')::integer);
  if e.on_date is null then
    return null;
  end if;
  return jsonb_build_object('source', v_source, 'target', p_target, 'above', e.above, 'below', e.below,
    'on', e.on_date, 'rounding', v_said->>'rounding', 'step_minor', (v_said->>'step_minor')::bigint);
end $$;
