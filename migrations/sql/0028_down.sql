create or replace function payment_transaction_stays() returns trigger language plpgsql as $$
begin
  raise exception 'payment transactions are neither changed nor deleted';
end $$;
