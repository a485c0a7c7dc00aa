alter table order_line drop column credited_minor;
drop index order_handover_taken;
