-- Units promised beyond what may be promised by now, because a count or a lower bound has come after the promise.
-- It never grows by a sale: the update that promises units does not know it.
alter table stock add column overpromised natural_quantity not null default 0;
alter table stock drop constraint stock_never_oversold;
alter table stock add constraint stock_never_oversold
  check (held >= 0 and (held = 0 or held <= on_hand + backorder_max + overpromised));
