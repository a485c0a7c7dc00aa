"""Adapters of the outside world of orders."""
