alter table price_book_revision drop column gifts;
alter table checkout drop column provided, drop column shown_gifts;
