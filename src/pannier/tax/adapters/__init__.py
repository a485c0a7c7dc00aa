"""What registers are reached by."""
