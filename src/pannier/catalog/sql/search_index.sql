-- The index of the search, kept with the catalogue: called by catalog_refresh_display, which every change calls.

create or replace function catalog_refresh_search(p_products uuid[]) returns void language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  delete from product_search s where s.product_id = any(p_products)
     and not exists (select 1 from product p where p.id = s.product_id and p.status = 'active' and p.is_published);
  with written as (
    insert into product_search as s (product_id, document, channels, is_stocked, position, created_at, name_key)
    select d.* from catalog_documents(p_products) d order by d.product_id
    on conflict (product_id) do update
       set document = excluded.document, channels = excluded.channels, is_stocked = excluded.is_stocked,
           position = excluded.position, created_at = excluded.created_at, name_key = excluded.name_key
     where (s.document, s.channels, s.is_stocked, s.position, s.created_at, s.name_key) is distinct from
           (excluded.document, excluded.channels, excluded.is_stocked, excluded.position, excluded.created_at, excluded.name_key)
    returning s.product_id
  )
  insert into search_task (kind, subject) select 'words', w.product_id from written w;
  with fresh as materialized (select c.* from catalog_offers(p_products) c), gone as (
    delete from product_offer o where o.product_id = any(p_products)
       and not exists (select 1 from fresh c
                        where (c.product_id, c.currency, c.valid_from) = (o.product_id, o.currency, o.valid_from)
                          and c.channel is not distinct from o.channel)
  )
  insert into product_offer as o (product_id, currency, channel, other_channels, valid_from, valid_to, amount_min,
    amount_max, amounts, is_on_sale)
  select c.* from fresh c
  on conflict (product_id, currency, channel, valid_from) do update
     set other_channels = excluded.other_channels, valid_to = excluded.valid_to, amount_min = excluded.amount_min,
         amount_max = excluded.amount_max, amounts = excluded.amounts, is_on_sale = excluded.is_on_sale
   where (o.other_channels, o.valid_to, o.amounts, o.is_on_sale) is distinct from
         (excluded.other_channels, excluded.valid_to, excluded.amounts, excluded.is_on_sale);
end $$;

-- Rows of product_search, worked out afresh, of those that are on show.
create or replace function catalog_documents(p_products uuid[])
returns table (
  product_id uuid, document tsvector, channels text[], is_stocked boolean, "position" bigint, created_at timestamptz,
  name_key text
) language sql stable as $$
  select p.id,
         catalog_vector(concat_ws(' ', p.name, v.codes), 'A')
           || catalog_vector(concat_ws(' ', p.vendor, p.product_type, array_to_string(p.tags, ' '), c.names, o.words,
                p.slug), 'B')
           || catalog_vector(left(catalog_plain(concat_ws(' ', p.summary, left(p.description, 20000))), 5000), 'D')
           || array_to_tsvector(array_remove(array_cat(array_cat(c.filters, o.filters),
                array(select 't/' || catalog_fold(tag) from unnest(p.tags) tag)), null)),
         p.channels,
         coalesce(v.is_stocked, false),
         p.position,
         p.created_at,
         left(catalog_fold(p.name), 100)
    from product p
    cross join lateral (
      select string_agg(c.name, ' ') as names, array_agg('c/' || c.slug) as filters
        from product_category pc join category c on c.id = pc.category_id where pc.product_id = p.id
    ) c
    cross join lateral (
      -- Numbers are found as they are written, by their parts, and without what stands between these.
      select string_agg(concat_ws(' ', v.sku,
               case when v.sku ~ '[^0-9A-Za-z]' then array_to_string(catalog_words(v.sku), '') end, v.barcode), ' ') as codes,
             bool_or(catalogue_is_stocked(v.id)) as is_stocked
        from variant v where v.product_id = p.id and v.is_active
    ) v
    cross join lateral (
      select string_agg(pair->>1, ' ') as words, array_agg('o/' || catalog_fold((pair->>0) || '=' || (pair->>1))) as filters
        from (select distinct pair from variant v cross join lateral jsonb_array_elements(v.options) pair
               where v.product_id = p.id and v.is_active) chosen
    ) o
   where p.id = any(p_products) and p.status = 'active' and p.is_published
$$;

-- Rows of product_offer, worked out afresh from the prices that everybody gets for one unit.
create or replace function catalog_offers(p_products uuid[])
returns table (
  product_id uuid, currency text, channel text, other_channels text[], valid_from timestamptz, valid_to timestamptz,
  amount_min bigint, amount_max bigint, amounts bigint[], is_on_sale boolean
) language sql stable as $$
  with shown as (
    select v as variant, v.product_id, v.plain_prices, bool_or(v.has_other_prices) over (partition by v.product_id) as is_timed
      from product p join variant v on v.product_id = p.id
     where p.id = any(p_products) and p.status = 'active' and p.is_published and v.is_active
  ), named as (
    select distinct s.product_id, r.currency, r.channel, greatest(r.valid_from, l.starts_at) as valid_from,
           least(r.valid_to, l.ends_at) as valid_to
      from shown s join price r on r.variant_id = (s.variant).id join price_list l on l.code = r.price_list
     where s.is_timed and r.customer_group is null and l.customer_group is null and r.quantity_min = 1
       and l.is_enabled and l.archived_at is null and (l.currency is null or l.currency = r.currency)
       and greatest(r.valid_from, l.starts_at) < least(r.valid_to, l.ends_at)
  ), edges as (
    select n.product_id, n.currency, e.edge,
           lead(e.edge, 1, 'infinity') over (partition by n.product_id, n.currency order by e.edge) as until
      from (select distinct product_id, currency from named) n
      cross join lateral (
        select '-infinity'::timestamptz as edge
        union select valid_from from named m where (m.product_id, m.currency) = (n.product_id, n.currency)
        union select valid_to from named m where (m.product_id, m.currency) = (n.product_id, n.currency)
      ) e
     where e.edge < 'infinity'
  ), places as (
    select n.product_id, n.currency, null as channel,
           array_remove(array_agg(distinct n.channel::text order by n.channel::text), null) as others
      from named n group by n.product_id, n.currency
    union all
    select distinct n.product_id, n.currency, n.channel, '{}'::text[] from named n where n.channel is not null
  ), offered as (
    select s.product_id, plain.key as currency, null as channel, '{}'::text[] as others, '-infinity'::timestamptz as edge,
           'infinity'::timestamptz as until, (plain.value->>0)::bigint as amount, (plain.value->>1)::bigint as compare_at
      from shown s cross join lateral jsonb_each(s.plain_prices) plain
     where not s.is_timed
    union all
    select e.product_id, e.currency, l.channel, l.others, e.edge, e.until, c.amount_minor, c.compare_at_minor
      from edges e
      join places l on (l.product_id, l.currency) = (e.product_id, e.currency)
      join shown s on s.product_id = e.product_id
      cross join lateral catalog_listed_price(s.variant, e.currency, l.channel, 1, e.edge) c
     where c.amount_minor is not null
  )
  select o.product_id, o.currency, o.channel, o.others, o.edge, o.until, min(o.amount), max(o.amount),
         array_agg(distinct o.amount order by o.amount), coalesce(bool_or(o.compare_at > o.amount), false)
    from offered o group by 1, 2, 3, 4, 5, 6
$$;

-- Takes in what the index has been told of, p_limit tasks at a time; one process at a time, since it alone adds words.
-- What somebody else is writing it leaves for later, so that it waits for nobody and nobody for it.
-- Answers how many are done, null while another process is at it.
create or replace function catalog_catch_up(p_limit integer) returns integer language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_tasks search_task[];
  v_free uuid[];
  v_later integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('pannier.search:' || current_schema(), 0)) then
    return null;
  end if;
  with taken as (
    delete from search_task where id = any(array(select id from search_task order by id limit p_limit)) returning *
  )
  select coalesce(array_agg(t), '{}') into v_tasks from taken t;
  v_free := array(
    select p.id from product p where p.id = any(array(
      select coalesce(v.product_id, t.subject)
        from unnest(v_tasks) t left join variant v on v.id = t.subject and t.kind = 'stock'
       where t.kind in ('product', 'stock')))
     order by p.id for no key update skip locked);
  perform catalog_refresh_search(array(
    select t.subject from unnest(v_tasks) t where t.kind = 'product' and t.subject = any(v_free)));
  update product_search s set is_stocked = n.is_stocked
    from (
      select v.product_id, bool_or(catalogue_is_stocked(v.id)) as is_stocked
        from variant v where v.product_id = any(v_free) and v.is_active group by v.product_id
    ) n
   where s.product_id = n.product_id and s.is_stocked <> n.is_stocked;
  perform catalog_add_words(array(select distinct t.subject from unnest(v_tasks) t where t.kind = 'words'));
  -- What was added lately stands in a list that every search reads through: into its place with it.
  perform gin_clean_pending_list('product_search_by_document');
  insert into search_task (kind, subject)
  select t.kind, t.subject from unnest(v_tasks) t left join variant v on v.id = t.subject and t.kind = 'stock'
   where t.kind in ('product', 'stock') and coalesce(v.product_id, t.subject) in (select p.id from product p)
     and coalesce(v.product_id, t.subject) <> all(v_free);
  get diagnostics v_later = row_count;
  return cardinality(v_tasks) - v_later;
end $$;

-- Adds the words of products to those that a mistyped one is compared with: letters only, four or more.
create or replace function catalog_add_words(p_products uuid[]) returns void language sql volatile as $$
  insert into search_word (word, keys)
  select w.word, catalog_typo_keys(w.word)
    from (select distinct l.lexeme as word
            from product_search s cross join lateral unnest(ts_filter(s.document, '{a,b}')) l
           where s.product_id = any(p_products) and length(l.lexeme) >= 4 and l.lexeme !~ '[0-9/]') w
   where not exists (select 1 from search_word k where k.word = w.word)
   order by w.word
  on conflict do nothing
$$;

-- Makes the index what the catalogue says, and forgets words that nothing on show has. Answers what was done.
create or replace function catalog_search_repair(p_offset interval) returns setof jsonb language plpgsql as $$
declare
  v_products uuid[] := array(select product_id from catalog_search_stale());
  v_words text[] := array(select word from search_word);
begin
  perform catalog_refresh_search(v_products);
  delete from product_search s where not exists (select 1 from product p where p.id = s.product_id);
  delete from product_offer o where not exists (select 1 from product_search s where s.product_id = o.product_id);
  perform catalog_add_words(array(select product_id from product_search));
  delete from search_word w
   where not exists (select 1 from product_search s where s.document @@ catalog_prefix(w.word, false));
  return query select jsonb_build_object('did', 'put a product into the search as it is', 'product_id', product_id)
    from unnest(v_products) product_id
  union all
  select jsonb_build_object('did', 'put a word among those that a mistyped one is compared with', 'word', n.word)
    from (select word from search_word except select unnest(v_words)) n(word)
  union all
  select jsonb_build_object('did', 'took a word out of those that a mistyped one is compared with', 'word', g.word)
    from (select unnest(v_words) except select word from search_word) g(word);
end $$;

-- Products whose rows in the index are not what the catalogue says, but for those that a task will look at.
create or replace function catalog_search_stale() returns table (product_id uuid) language sql stable as $$
  with every as (select array_agg(id) as ids from product),
  pending as (
    select t.kind, coalesce(v.product_id, t.subject) as product_id
      from search_task t left join variant v on v.id = t.subject and t.kind = 'stock'
  )
  select coalesce(d.product_id, s.product_id)
    from (select c.* from every, catalog_documents(every.ids) c) d
    full join product_search s on s.product_id = d.product_id
   where ((d.document, d.channels, d.position, d.created_at, d.name_key)
          is distinct from (s.document, s.channels, s.position, s.created_at, s.name_key)
          or d.is_stocked is distinct from s.is_stocked
             and d.product_id not in (select p.product_id from pending p where p.kind = 'stock'))
     and coalesce(d.product_id, s.product_id) not in (select p.product_id from pending p where p.kind = 'product')
  union
  select coalesce(c.product_id, o.product_id)
    from (select c.* from every, catalog_offers(every.ids) c) c
    full join product_offer o on (o.product_id, o.currency, o.valid_from) = (c.product_id, c.currency, c.valid_from)
          and o.channel is not distinct from c.channel
   where (c.other_channels, c.valid_to, c.amount_min, c.amount_max, c.amounts, c.is_on_sale)
         is distinct from (o.other_channels, o.valid_to, o.amount_min, o.amount_max, o.amounts, o.is_on_sale)
     and coalesce(c.product_id, o.product_id) not in (select p.product_id from pending p where p.kind = 'product')
$$;
