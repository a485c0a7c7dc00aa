-- Units that lie at a location that is switched off are in no figure, and are told of nowhere any more.
drop trigger stock_place_follows on stock;
drop function stock_place_follows();
alter table stock drop column has_places;
drop table stock_place;
