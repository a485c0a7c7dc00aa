-- Lines are compared with the list's price again.
alter type cart_policy drop attribute clamp_added;
alter type cart_target drop attribute shelf_minor, drop attribute shown_minor;
alter table saved_line drop column shelf_minor, drop column shown_minor;
alter table cart_line drop column shelf_minor, drop column shown_minor;
