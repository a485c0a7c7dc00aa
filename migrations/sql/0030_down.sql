create index payment_by_checkout on payment_attempt (checkout_id) where checkout_id is not null;
