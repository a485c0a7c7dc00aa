-- Nobody looks payments up by their checkout but for the open one, which has an index of its own.
drop index payment_by_checkout;
