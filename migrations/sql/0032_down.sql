alter table order_line drop column credited_minor;
