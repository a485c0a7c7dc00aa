-- Units that came back are told as taken out of the order, and what was given back is told of nowhere any more.
drop index order_line_by_variant;
drop index orders_by_email;
drop table order_revision, order_return_line, order_return, order_refund, order_shipment;
alter table order_line
  drop constraint order_line_returned, drop constraint order_line_sent, drop constraint order_line_units;
update order_line set quantity_canceled = quantity_canceled + quantity_returned,
  stock_state = case when stock_state <> 'untracked' and quantity = quantity_canceled + quantity_returned
    then 'returned' else stock_state end
 where quantity_returned > 0;
alter table order_line drop column quantity_returned, drop column quantity_returning, drop column quantity_sent;
alter table order_line add constraint order_line_units check (quantity_taken + quantity_canceled <= quantity);
alter table orders drop constraint orders_given_back, drop constraint orders_money;
alter table orders drop column given_back_minor, drop column credited_minor, drop column refunded_minor,
  drop column refunding_minor, drop column captured_minor;
