-- A page of the few that are open must not be looked for among the many that are done.
create index orders_by_status on orders (status, placed_at, id);
