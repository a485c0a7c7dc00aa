drop index orders_by_status;
