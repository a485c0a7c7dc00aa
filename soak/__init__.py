"""Shoppers, faults and the books: proof that nothing acknowledged is lost, whatever breaks. See docs/explanation."""
