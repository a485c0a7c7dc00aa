-- Takes away what 0006_up made.
drop trigger stock_gone_tells_wishlists on stock;
drop trigger stock_back_tells_wishlists on stock;
drop trigger variant_tells_wishlists on variant;
drop trigger price_made_tells_wishlists on price;
drop trigger price_gone_tells_wishlists on price;
drop function wishlist_is_told, wishlist_is_told_of_variant, wishlist_is_told_of_price;
drop index price_by_beginning, price_by_end;
drop table wishlist_watch, wishlist_task, wishlist_unsubscribe, wishlist_notice, wishlist_share, wishlist_item, wishlist;
