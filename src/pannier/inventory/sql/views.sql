-- Stock as shoppers and staff see it at a moment. Unlimited stock (untracked, or back-ordered without
-- bound) has no figure: available is null. Without a moment it is what stock_hold would find on a locked row: holds
-- that ran out have been let go then, but for those whose owner is at work on them.
create or replace function stock_available(p_stock stock, p_now timestamptz default '-infinity')
returns bigint language sql stable as $$
  select case when not p_stock.is_tracked or p_stock.backorder_max is null then null
    else greatest(0, p_stock.on_hand + p_stock.backorder_max - p_stock.safety_quantity - p_stock.held
      + case when p_stock.next_due_at <= p_now
             then stock_dead(p_stock.variant_id, p_stock.location_id, p_now) else 0 end) end
$$;

-- The same for a cart to which p_own units are promised: how many more it may have. Less than nothing where fewer
-- than its own are left, because a count has come after the promise.
create or replace function stock_left(p_stock stock, p_own bigint, p_now timestamptz default '-infinity')
returns bigint language sql stable as $$
  select case when not p_stock.is_tracked or p_stock.backorder_max is null then null
    else greatest(-p_own, p_stock.on_hand + p_stock.backorder_max - p_stock.safety_quantity - p_stock.held
      + case when p_stock.next_due_at <= p_now
             then stock_dead(p_stock.variant_id, p_stock.location_id, p_now) else 0 end) end
$$;

-- Whether a stock row has units for sale at all, those that carts hold included: what is available is never more.
create or replace function stock_is_stocked(p_stock stock) returns boolean language sql stable as $$
  select not p_stock.is_tracked or p_stock.backorder_max is null
      or p_stock.on_hand + p_stock.backorder_max - p_stock.safety_quantity > 0
$$;
