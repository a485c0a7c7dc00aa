-- What prices need to know of a customer, as JSON in the words of a scenario; null where nothing is kept.
create or replace function customer_document(p_user text) returns json language plpgsql stable as $$
begin
  return (select json_build_object('id', c.user_id, 'groups', c.groups, 'kind', c.kind,
                   'tax_id_valid', c.is_tax_id_valid, 'tax_exempt', c.is_tax_exempt)
            from customer_profile c where c.user_id = p_user limit 1);
end $$;

-- The groups that a customer is in; none of somebody whom the shop knows nothing of.
create or replace function customer_groups(p_user text) returns text[] language plpgsql stable as $$
begin
  return coalesce((select c.groups from customer_profile c where c.user_id = p_user limit 1), '{}');
end $$;
