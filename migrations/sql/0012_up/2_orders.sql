-- Of a counted line: units that are out of the house. What is neither taken nor canceled is held (or awaited).
alter table order_line add column quantity_taken natural_quantity not null default 0;
update order_line set quantity_taken = quantity - quantity_canceled where stock_state = 'committed';
alter table order_line add constraint order_line_units check (quantity_taken + quantity_canceled <= quantity);
