alter table cart_share drop column shows_notes;
drop table access_ended;
