-- The order that an attempt is for, where that is there already and has something due. Its order_id is set when it is
-- booked, so that money that comes to nothing is money of no order, and goes back.
alter table payment_attempt add column pays_order uuid;
create unique index payment_one_open_per_order on payment_attempt (pays_order) where is_open and pays_order is not null;
create index payment_by_paid_order on payment_attempt (pays_order) where pays_order is not null;
