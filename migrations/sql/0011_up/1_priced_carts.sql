-- What prices depend on beside the goods.

alter table cart
  -- {"country", "region", "postal_code"}, as far as the shopper has told.
  add column destination jsonb,
  add column shipping_method text collate "C";

alter table checkout
  -- {"gift_cards": [ids of purses], "store_credit": bool, "points": at most so many or null}; null is none.
  add column tenders jsonb,
  -- The promotions that the shopper was shown last, in their order, and what was left to pay.
  add column shown_promotions text[],
  add column shown_due_minor natural_minor;

alter table orders
  -- What gift cards, store credit and points have paid of the total.
  add column tendered_minor natural_minor not null default 0,
  -- What keeping net prices adds to the total, or takes: see the house rule order_net_kept.
  add column correction_minor bigint not null default 0,
  add constraint orders_tendered check (tendered_minor <= total_minor),
  drop constraint orders_add_up,
  add constraint orders_add_up
    check (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_added_minor + correction_minor);

-- How many orders somebody has placed and not canceled: what a promotion for the first one asks.
create index orders_that_count on orders (user_id) where user_id is not null and status <> 'canceled';
