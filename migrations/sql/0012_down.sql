-- A line that has left in part is told as one that has left: its units are out of the house, or on their way.
alter table order_line drop constraint order_line_units;
alter table order_line drop column quantity_taken;
-- What is promised beyond the bound goes by a higher one.
update stock set backorder_max = backorder_max + overpromised where overpromised > 0 and held > 0;
alter table stock drop constraint stock_never_oversold;
alter table stock add constraint stock_never_oversold check (held >= 0 and (held = 0 or held <= on_hand + backorder_max));
alter table stock drop column overpromised;
