-- Takes away what 0002_up made.
drop trigger stock_changed_tells_search on stock;
drop trigger stock_made_tells_search on stock;
drop function stock_tells_search;
drop table search_task, search_word, product_offer, product_search;
