"""Which rate limit a request counts for, by its method and path."""

from __future__ import annotations

from pannier.platform.rate_limits import Group

# What a proxy and a monitor ask, who must hear from us above all when there is much to do.
_OF_MACHINES = frozenset({"/health/live", "/health/ready", "/metrics"})
# Files that are in memory.
_FILES = ("/a/", "/pictures/")
_API = "/api/v1/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SEARCHED = frozenset({"/", "/products", "/api/v1/products"})
# What is looked for, and what is worked out for a basket that is sent along: both cost more than a read.
_FOUND = ("/api/v1/search", "/api/v1/products/search", "/search", "/api/v1/pricing/")
_CREDENTIALS = ("/api/v1/auth", "/login", "/register", "/password", "/account/login", "/account/register")
_CHECKOUT = ("/api/v1/checkouts", "/api/v1/orders", "/checkout")


def group_of(method: str, path: str, query: bytes) -> Group | None:
    """The group of a request; None where nobody counts. What no route has counts as well, as a read or a write."""
    if path in _OF_MACHINES or path.startswith(_FILES):
        return None
    if path.startswith("/api/v1/admin"):
        return "staff"
    if path.startswith(_FOUND) or (query and path in _SEARCHED):
        return "search"
    if method in _READING:
        return "reads"
    if path.startswith(_CREDENTIALS):
        return "auth"
    if path.startswith(_CHECKOUT):
        return "checkout"
    return "writes" if path.startswith(_API) else "forms"
