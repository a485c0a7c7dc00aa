drop index payment_webhook_by_age;
