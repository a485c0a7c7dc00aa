-- Takes away what 0011_up made. Codes on carts stay, as they were in 0005.
-- The total stays what it was: what was added to it becomes tax that was added, what was taken a discount.
alter table orders drop constraint orders_add_up;
update orders set tax_added_minor = tax_added_minor + greatest(correction_minor, 0),
                  discount_minor = discount_minor + greatest(-correction_minor, 0)
 where correction_minor <> 0;
drop index orders_that_count;
alter table orders
  drop constraint orders_tendered,
  drop column tendered_minor,
  drop column correction_minor,
  add constraint orders_add_up check (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_added_minor);
alter table checkout drop column shown_due_minor, drop column shown_promotions, drop column tenders;
alter table cart drop column shipping_method, drop column destination;
