-- Where a destination belongs. tax/rules.py says the same in Python, and a test compares the two.

-- A region or postal code as areas write it: capitals and digits, nothing else.
create or replace function zone_text(p_text text) returns text language sql immutable parallel safe as $$
  select regexp_replace(upper(p_text collate "C"), '[^A-Z0-9]', '', 'g')
$$;

-- The one zone of a destination, by name; null where none has it. The closest area counts: postal codes before a
-- region before a country; of equal ones the zone with the higher priority, then the first by name.
create or replace function zone_of(p_country text, p_region text, p_postal text) returns text language sql stable
as $$
  select z.name
    from zone_area a
    join zone z on z.id = a.zone_id
    cross join (select zone_text(p_region) as region, zone_text(p_postal) as postal) d
   where a.country = p_country and z.archived_at is null
     and (a.region is null or d.region in (a.region, p_country || a.region))
     and (a.postal_from is null
          or left(d.postal, length(a.postal_from)) >= a.postal_from and left(d.postal, length(a.postal_to)) <= a.postal_to)
   order by a.postal_from is null, a.region is null, z.priority desc, z.name
   limit 1
$$;
