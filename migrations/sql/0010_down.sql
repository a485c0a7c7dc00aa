-- Takes away what 0010_up made. Prices of lists other than the shelf stay: version 0008 keeps them, and asks none.
alter table variant drop column floor_minor;
alter table product drop column shipping_category;
drop index price_by_list;
alter table price drop constraint price_of_list;
drop table price_list, fx_rate, shipping_method, tax_rate, zone_area, zone;
