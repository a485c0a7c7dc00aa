"""What every capability stands on: settings, database, batching, outbox, web, observability."""
