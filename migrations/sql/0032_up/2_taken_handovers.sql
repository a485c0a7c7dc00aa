-- What was taken is forgotten by the age of its event.
create index order_handover_taken on order_handover (at) where state = 'taken';
