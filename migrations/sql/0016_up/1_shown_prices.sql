-- What a unit of a line cost its shopper when it was added, or agreed to since: by the catalogue's price rules (shelf), and as
-- it was shown where the shopper was then, in a shop whose net prices are the same everywhere. Beside them stands the
-- list's price. Null of lines from before, of which only that is known.
alter table cart_line add column shelf_minor natural_minor, add column shown_minor natural_minor,
  add constraint cart_line_shown_whole check ((shelf_minor is null) = (shown_minor is null));
alter table saved_line add column shelf_minor natural_minor, add column shown_minor natural_minor,
  add constraint saved_line_shown_whole check ((shelf_minor is null) = (shown_minor is null));
alter type cart_target add attribute shelf_minor bigint, add attribute shown_minor bigint;
-- Adding above what may be of one variant takes what is allowed, and above what may be in a cart nothing.
alter type cart_policy add attribute clamp_added boolean;
