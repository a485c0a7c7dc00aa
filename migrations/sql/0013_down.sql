-- Takes away what 0013_up made.
drop table tax_id_check;
