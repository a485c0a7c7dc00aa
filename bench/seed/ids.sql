-- Ids and tokens that a load script can work out from a number alone; bench/loads/shop.lua makes the same ones.
create function pg_temp.bench_id(kind text, n bigint) returns uuid language sql immutable as
$$ select ('00000000-0000-7' || kind || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
create function pg_temp.bench_token(n bigint) returns text language sql immutable as
$$ select 'ct_' || lpad(n::text, 43, '0') $$;
