-- The purses that a session may pay from: gift cards by the ids it has, or the codes that are told now, and its user's
-- store credit and points where either asks for them. A JSON list; checkout/models.py has the names.
create or replace function purses_named(p_stored jsonb, p_told jsonb, p_user text) returns json language plpgsql stable as $$
begin
  return (
    select coalesce(json_agg(json_build_object('id', p.id, 'kind', p.kind, 'balance', p.balance, 'currency', p.currency,
               'is_active', p.is_active, 'ends', p.ends_on, 'code_end', p.code_end, 'code', p.code)
             order by p.kind, p.id), '[]')
      from (
        select k.*, null::text as code
          from jsonb_path_query(p_stored, '$.gift_cards[*] ? (@ != null)') w(id)
         cross join lateral (select q.* from purse q where q.id = (w.id#>>'{}')::uuid and q.kind = 'gift_card' limit 1) k
        union all
        select k.*, w.code#>>'{}'
          from jsonb_path_query(p_told, '$.gift_cards[*] ? (@ != null)') w(code)
         cross join lateral (
           select q.* from purse q where q.code_hash = gift_card_hash(w.code#>>'{}') and q.kind = 'gift_card' limit 1) k
        union all
        select k.*, null::text from purse k
         where k.user_id = p_user
           and case k.kind when 'store_credit' then (p_stored->>'store_credit')::boolean or (p_told->>'store_credit')::boolean
                           else coalesce(p_stored->>'points', p_told->>'points') is not null end) p);
end $$;
