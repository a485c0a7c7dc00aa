-- Twenty promotions, switched off: a half give something to every cart, the others to carts that have their goods.
insert into promotion (id, name, definition, is_active, created_at, updated_at)
select pg_temp.bench_id('009', n), 'Promotion ' || n, jsonb_build_object('priority', n % 4,
         'conditions', jsonb_build_array(jsonb_build_object('type', 'min_subtotal', 'amount', 1000 + n)),
         'actions', jsonb_build_array(case n % 10
           when 0 then jsonb_build_object('type', 'item_percent', 'percent', 3, 'filter', f.wanted)
           when 1 then jsonb_build_object('type', 'order_percent', 'percent', 1)
           when 2 then jsonb_build_object('type', 'item_fixed', 'amount', 20, 'filter', f.wanted)
           when 3 then jsonb_build_object('type', 'order_fixed', 'amount', 100)
           when 4 then jsonb_build_object('type', 'buy_x_get_y', 'percent', 50,
                         'buy', jsonb_build_object('qty', 2, 'filter', f.wanted), 'get', jsonb_build_object('filter', f.wanted))
           when 5 then jsonb_build_object('type', 'item_percent', 'percent', 1)
           when 6 then jsonb_build_object('type', 'tiered_percent', 'basis', 'quantity',
                         'tiers', jsonb_build_array(jsonb_build_object('from', 3, 'percent', 2)))
           when 7 then jsonb_build_object('type', 'order_percent', 'percent', 2, 'filter', f.wanted)
           when 8 then jsonb_build_object('type', 'item_percent', 'percent', 10, 'max_units', 3, 'filter', f.wanted)
           else jsonb_build_object('type', 'shipping_percent', 'percent', 10) end)), false, now(), now()
  from generate_series(1, 20) n
 cross join lateral (
   select jsonb_build_object('products', jsonb_agg(pg_temp.bench_id('002', n * 100 + m))) as wanted
     from generate_series(1, 50) m) f;
