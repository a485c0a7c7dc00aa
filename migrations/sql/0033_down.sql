-- What is under way comes to nothing, and its money goes back: nobody knows what it was for any more.
update payment_attempt set is_open = false, due_at = now() where is_open and pays_order is not null;
drop index payment_one_open_per_order;
drop index payment_by_paid_order;
alter table payment_attempt drop column pays_order;
