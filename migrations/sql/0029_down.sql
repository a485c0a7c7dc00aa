drop table order_handover;
