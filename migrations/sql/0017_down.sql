-- Without these an order counts as refunded to its purses once, and whole; the ledger keeps what was.
alter table purse_movement drop column refund_id;
drop table purse_refund, purse_payment;
