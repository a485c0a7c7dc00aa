-- Takes away what 0008_up made.
drop trigger price_made_is_kept on price;
drop trigger price_changed_is_kept on price;
drop trigger price_gone_is_kept on price;
drop function price_is_kept;
drop table price_history, purse_movement, purse, customer_profile, price_rule, promotion_use, coupon_use, coupon,
  promotion, price_audit, price_book_revision;
drop type purse_movement_kind, purse_kind;
