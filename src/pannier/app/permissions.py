"""Who may ask for what: one table of every operation, from which the OpenAPI document takes its security.

The routes themselves refuse; a test asks every one of them as everybody, and compares with this table.

    public      anybody, and who asks makes no difference
    shopper     anybody; a guest's and a customer's own things are found by their credential
    user        somebody with an account, whoever vouches for it
    staff       the shop's people
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Access = Literal["public", "shopper", "user", "staff"]

# The first that fits counts: method (or *), beginning of the path below /api/v1, access.
_TABLE: Sequence[tuple[str, str, Access]] = (
    ("*", "/admin/", "staff"),
    ("*", "/auth/", "shopper"),
    ("*", "/me", "user"),
    ("*", "/cart", "shopper"),
    ("*", "/shared-carts/", "shopper"),
    ("*", "/buy-now", "shopper"),
    ("*", "/checkouts", "shopper"),
    ("POST", "/payments/", "public"),
    ("*", "/orders", "shopper"),
    ("*", "/wishlists", "shopper"),
    ("*", "/shared-wishlists/", "shopper"),
    ("POST", "/pricing/", "public"),
    ("GET", "/inventory/", "public"),
    ("POST", "/inventory/check", "public"),
    ("*", "/inventory/", "staff"),
    ("GET", "/products", "public"),
    ("GET", "/categories", "public"),
    ("GET", "/openapi.json", "public"),
    ("GET", "/docs", "public"),
)
_GUEST: list[dict[str, list[str]]] = [{"cartCookie": []}, {"cartToken": []}]
_ACCOUNT: list[dict[str, list[str]]] = [{"accountCookie": []}, {"accessToken": []}]
_SECURITY: Mapping[Access, list[dict[str, list[str]]]] = {
    "public": [],
    "shopper": [{}, *_GUEST, *_ACCOUNT, {"staffToken": []}],
    "user": _ACCOUNT,
    "staff": [{"staffToken": []}, *_ACCOUNT],
}


def access_of(method: str, path: str, prefix: str) -> Access | None:
    """Who may ask for an operation; None for one that the table does not know."""
    if not path.startswith(prefix):
        return "public" if path.startswith(("/health/", "/metrics", "/docs")) else None
    below = path.removeprefix(prefix)
    for known, beginning, access in _TABLE:
        if known in {"*", method.upper()} and below.startswith(beginning):
            return access
    return None


def security_of(access: Access | None) -> list[dict[str, list[str]]]:
    """The security of an operation, as OpenAPI writes it: any one of them will do."""
    return [dict(entry) for entry in _SECURITY[access or "shopper"]]


def security_schemes(cart_cookie: str, account_cookie: str) -> dict[str, Any]:
    """The ways to say who one is."""
    return {
        "cartCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": cart_cookie,
            "description": "A guest's cart.",
        },
        "cartToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "ct_…",
            "description": "A guest's cart token, which a client may make itself.",
        },
        "accountCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": account_cookie,
            "description": "A browser that is signed in. A change is taken from the shop's own pages only.",
        },
        "accessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of an account, or the token of the shop's identity provider.",
        },
        "staffToken": {"type": "http", "scheme": "bearer", "description": "`PANNIER_ADMIN_TOKEN`."},
    }
