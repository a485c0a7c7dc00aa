"""Tests, one directory per package of `pannier`, and those that cut across."""
