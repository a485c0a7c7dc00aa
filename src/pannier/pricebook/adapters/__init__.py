"""What providers are reached by."""
