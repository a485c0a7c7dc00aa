-- Whether a text is JSON; PostgreSQL 15 has no predicate for it.
create or replace function is_json(p_text text) returns boolean language plpgsql immutable as $$
begin
  perform p_text::json;
  return true;
exception when invalid_text_representation then
  return false;
end $$;
