-- Money that moved stays as it was booked. Only who noted it is taken out, when a customer is forgotten.
create or replace function payment_transaction_stays() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    if to_jsonb(new) - 'actor' = to_jsonb(old) - 'actor' and new.actor like 'erased:%' then
      return new;
    end if;
  end if;
  raise exception 'payment transactions are neither changed nor deleted';
end $$;
