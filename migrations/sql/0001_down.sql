-- Takes away what 0001_up made and nothing else: the schema may hold other people's tables.
drop table sql_function_file, idempotency_record, event_cursor, event, order_state, order_line, orders, checkout,
  cart_line, cart, hold, reservation, stock_movement, stock, location, price, variant, product_image,
  product_category, product, category, channel, catalog_import;
drop type cart_change_result, cart_target, cart_policy, cart_status, movement_cause, movement_kind,
  reservation_owner, hold_state, checkout_status, order_status, payment_status, line_stock_state;
drop domain currency_code, natural_quantity, positive_quantity, natural_minor, sha256_digest;
