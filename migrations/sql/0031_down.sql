alter table orders drop column booked;
