"""Credentials that are verified without the database: our own tokens, and those of outside issuers."""
