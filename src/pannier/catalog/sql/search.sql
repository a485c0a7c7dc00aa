-- The words of the search, and what is found by them. Texts are folded alike when they are stored and when they are
-- looked for, in any language: no case, no accents, no apostrophes, compatible forms made one.

create or replace function catalog_fold(p_text text) returns text language plpgsql immutable parallel safe as $$
begin
  if octet_length(p_text) = length(p_text) then
    return lower(replace(p_text, '''', ''));
  end if;
  return translate(replace(replace(replace(replace(
    normalize(lower(regexp_replace(normalize(p_text, NFKD), '[\u0300-\u036f\u00ad\u200b-\u200d\ufeff''’ʼ]', '', 'g')), NFC),
    'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), 'øđðłıς', 'oddliσ');
end $$;

-- The words of a text in their order: folded, of 60 characters at most, 20,000 at most. An import makes words of every
-- text that it brings, so what is plain ASCII goes by replace(), ten times as fast as translate() or a pattern; in a text
-- that is not, only the words that are not take the long way.
create or replace function catalog_words(p_text text) returns text[] language plpgsql immutable parallel safe as $$
declare
  v_text text := replace(p_text, '''', '');
  v_words text[];
begin
  v_text :=
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(replace(
    v_text, E'\t', ' '), E'\n', ' '), E'\r', ' '), '\', ' '), '!', ' '), '"', ' '), '#', ' '), '$', ' '), '%', ' ')
   , '&', ' '), '(', ' '), ')', ' '), '*', ' '), '+', ' '), ',', ' '), '-', ' '), '.', ' '), '/', ' '), ':', ' ')
   , ';', ' '), '<', ' '), '=', ' '), '>', ' '), '?', ' '), '@', ' '), '[', ' '), ']', ' '), '^', ' '), '_', ' ')
   , '`', ' '), '{', ' '), '|', ' '), '}', ' '), '~', ' ');
  if octet_length(v_text) <> length(v_text) then
    v_words := string_to_array(v_text, ' ');
    for i in 1..cardinality(v_words) loop
      if octet_length(v_words[i]) <> length(v_words[i]) then
        v_words[i] := catalog_plain_words(v_words[i]);
      end if;
    end loop;
    v_text := array_to_string(v_words, ' ');
  end if;
  if length(v_text) <= 60 then
    return array_remove(string_to_array(lower(v_text), ' '), '');
  end if;
  return array(select left(word, 60) from string_to_table(lower(v_text), ' ') word where word <> '' limit 20000);
end $$;

-- What is not plain ASCII as words with blanks between them. Where a script has none (Chinese, Japanese) every character
-- is one.
create or replace function catalog_plain_words(p_text text) returns text language plpgsql immutable parallel safe as $$
begin
  return regexp_replace(regexp_replace(catalog_fold(p_text),
    '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u02b0-\u036f\u2000-\u206f\u20a0-\u20cf\u2100-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3030\ufe30-\ufe4f]+',
    ' ', 'g'), '([\u3040-\u30ff\u3400-\u9fff])', ' \1 ', 'g');
end $$;

-- A text's words as a vector, all of one weight.
create or replace function catalog_vector(p_text text, p_weight text) returns tsvector language plpgsql immutable as $$
declare
  v_words text[] := catalog_words(p_text);
begin
  if v_words is null or v_words = '{}' then
    return '';
  end if;
  return ('''' || array_to_string(v_words, ''':1' || p_weight || ' ''') || ''':1' || p_weight)::tsvector;
end $$;

-- A text without the tags and the commonest entities of HTML.
create or replace function catalog_plain(p_html text) returns text language plpgsql immutable parallel safe as $$
begin
  if strpos(p_html, '<') = 0 and strpos(p_html, '&') = 0 then
    return p_html;
  end if;
  return (select string_agg(substr(piece, strpos(piece, '>') + 1), ' ')
            from string_to_table(replace(replace(p_html, '&nbsp;', ' '), '&amp;', ' '), '<') piece);
end $$;

-- What is filtered by, as one query: of categories, of tags and of the values of one option any will do.
-- p_options are `name=value`.
create or replace function catalog_filter(p_categories text[], p_tags text[], p_options text[])
returns tsquery language sql immutable as $$
  select coalesce(string_agg('(' || of.any || ')', ' & '), '')::tsquery from (
    select string_agg(quoted, ' | ') as any from (
      select 'c' as part, 'c/' || category as lexeme from unnest(p_categories) category
      union all select 't', 't/' || catalog_fold(tag) from unnest(p_tags) tag
      union all select 'o/' || catalog_fold(split_part(option, '=', 1)), 'o/' || catalog_fold(option)
        from unnest(p_options) option
    ) wanted
    cross join lateral (
      select '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''' as quoted) q
    group by part
  ) of
$$;

-- The words of a query with what is known of each: whether anything on show has it (the last may be the beginning of
-- one), and of those that nothing has, or of all with p_is_strict, which known words are like it.
create or replace function catalog_look_up(p_text text, p_words_max integer, p_is_strict boolean)
returns table (word text, is_known boolean, candidates text[]) language plpgsql stable
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_words text[] := (catalog_words(left(p_text, 1000)))[:p_words_max];
  v_last integer := cardinality(v_words);
  v_query tsquery;
begin
  for i in 1..v_last loop
    word := v_words[i];
    v_query := catalog_prefix(word, i = v_last);
    is_known := exists (select 1 from product_search s where s.document @@ v_query);
    candidates := '{}';
    if (not is_known or p_is_strict) and length(word) >= 4 and word !~ '[0-9]' then
      candidates := array(select w.word from search_word w where w.keys && catalog_typo_keys(catalog_look_up.word)
                             and abs(length(w.word) - length(catalog_look_up.word)) <= 2 limit 500);
    end if;
    return next;
  end loop;
end $$;

-- A word as a query; with p_is_last, of two letters or more, also for what begins so.
create or replace function catalog_prefix(p_word text, p_is_last boolean) returns tsquery language sql immutable as $$
  select ('''' || p_word || '''' || case when p_is_last and length(p_word) >= 2 then ':*' else '' end)::tsquery
$$;

-- How many products have each of the words, counted up to p_max.
create or replace function catalog_count_words(p_words text[], p_max integer)
returns table (word text, products bigint) language plpgsql stable
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_query tsquery;
begin
  foreach word in array p_words loop
    v_query := catalog_prefix(word, false);
    products := (select count(*) from (select 1 from product_search s where s.document @@ v_query limit p_max) found);
    return next;
  end loop;
end $$;

-- Hashes of a word and of what is left of it without any one letter; from eight letters on also without any two.
create or replace function catalog_typo_keys(p_word text) returns integer[] language sql immutable as $$
  select array(
    select distinct hashtext(key) from (
      select w as key
      union all select left(w, i - 1) || substr(w, i + 1) from generate_series(1, length(w)) i
      union all select left(w, i - 1) || substr(w, i + 1, j - i - 1) || substr(w, j + 1)
        from generate_series(1, length(w)) i, generate_series(i + 1, length(w)) j where length(w) >= 8
    ) keys)
  from left(p_word, 20) w
$$;

-- Whether a variant of a product that has a price can be had at this moment.
create or replace function catalog_product_can_be_had(
  p_product uuid, p_currency text, p_channel text, p_now timestamptz
) returns boolean language plpgsql stable cost 10000
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  return exists (
    select 1 from variant v cross join lateral catalog_price(v, p_currency, p_channel, 1, p_now) c
     where v.product_id = p_product and v.is_sellable and (v.channels is null or p_channel = any(v.channels))
       and c.amount_minor is not null and catalogue_can_be_had(v.id, p_now));
end $$;
