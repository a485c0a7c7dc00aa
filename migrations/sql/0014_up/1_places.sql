-- Where the units of a variant lie, for those of which that is kept. The figure for sale stays one per variant: its
-- units on hand are the sum of what lies at locations that are active.
create table stock_place (
  variant_id uuid not null,
  location_id uuid not null references location,
  units natural_quantity not null,
  primary key (variant_id, location_id)
);
create index stock_place_by_location on stock_place (location_id, variant_id);
alter table stock add column has_places boolean not null default false;

-- Whatever moves a figure moves its places, too; of a variant without places nothing is asked.
create function stock_place_follows() returns trigger language plpgsql as $$
begin
  perform stock_place_move(new.variant_id, new.on_hand - greatest(0, old.on_hand));
  return null;
end $$;
create trigger stock_place_follows after update of on_hand on stock
  for each row when (new.has_places and old.on_hand is distinct from new.on_hand)
  execute function stock_place_follows();
