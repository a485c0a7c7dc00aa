-- Webhooks are forgotten after a while: the job finds the old ones by this.
create index payment_webhook_by_age on payment_webhook (received_at);
