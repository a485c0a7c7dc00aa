-- The foundation. Ids are UUIDv7 made by the application, money is minor units, times are timestamptz,
-- keys and codes collate "C" so that an index means the same on every machine.
-- Table names are unqualified: the search path decides, so a schema per shop needs no other statements.

-- A CHECK is parsed again by every statement that writes its table: on the hot tables that was a quarter of the
-- time of an add to cart. What a domain or an enum can say is said by one; see docs/adr/0012.
create domain currency_code as char(3) collate "C" check (value ~ '^[A-Z]{3}$');
create domain natural_quantity as bigint check (value >= 0);
create domain positive_quantity as bigint check (value > 0);
create domain natural_minor as bigint check (value between 0 and 1000000000000000);
create domain sha256_digest as bytea check (length(value) = 32);
