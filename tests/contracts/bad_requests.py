"""Every route that writes, with a request it would take, and the ways to spoil one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.contracts.standing import ADDRESS, READY, StandingShop, Trade

Who = Literal["guest", "staff"]


@dataclass(frozen=True)
class Write:
    """A write that would be done: by whom, where, and with what body, None for none; some do without theirs."""

    who: Who
    method: str
    path: str
    body: dict[str, Any] | None = None
    needs_body: bool = True

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else json.dumps(self.body).encode()

    def __str__(self) -> str:
        return f"{self.method} {self.path} {', '.join(self.body or ())}"


BASKET = {
    "items": [{"variant_id": "{variant}", "quantity": 2}],
    "destination": {"country": "US", "region": "NY", "postal_code": "10001"},
    "codes": ["TEN"],
    "channel": "default",
}
AREA = {"country": "DE", "region": "BY", "postal_from": "8", "postal_to": "9"}
RATE = {
    "code": "vat",
    "title": "VAT",
    "category": "standard",
    "percent": 19.5,
    "is_included": True,
    "order": 1,
    "is_compound": False,
    "valid_from": "2020-01-01",
    "valid_to": "2020-12-31",
}
METHOD = {
    "code": "van",
    "name": "By van",
    "currency": "USD",
    "definition": {"kind": "flat", "amount": 499},
    "position": 1,
    "is_enabled": True,
    "delivery": {"days_min": 1, "days_max": 2, "handling_days": 1, "cutoff": "14:00", "is_on_weekends": False},
    "note": "Ring twice",
}
LIST = {
    "code": "trade",
    "name": "Trade",
    "currency": "USD",
    "customer_group": "trade",
    "priority": 1,
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": "2026-12-31T00:00:00Z",
    "is_enabled": True,
}
LISTED = {
    "variant_id": "{variant}",
    "currency": "USD",
    "amount": 500,
    "compare_at": 900,
    "quantity_min": 3,
    "channel": "default",
    "customer_group": "trade",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_to": "2026-12-31T00:00:00Z",
}
# {item} and the like stand for ids of the shop, in bodies too.
WRITES = (
    Write(
        "guest", "POST", "/cart/items", {"variant_id": "{variant}", "quantity": 2, "note": "For you", "attributes": {}}
    ),
    Write(
        "guest",
        "PATCH",
        "/cart/items/{item}",
        {"quantity": 3, "note": "For you", "selected": True, "attributes": {}, "customisation": {}},
    ),
    Write("guest", "POST", "/cart/items/{item}/save"),
    Write("guest", "POST", "/cart/items/{saved}/restore", {"quantity": 1}, needs_body=False),
    Write("guest", "POST", "/cart/items/{item}/duplicate", {"quantity": 1, "note": "For you"}, needs_body=False),
    Write("guest", "PUT", "/cart/items/{item}", {"quantity": 3, "note": "For you", "selected": True}),
    Write("guest", "DELETE", "/cart/items/{item}"),
    Write("guest", "PUT", "/cart/selection", {"selected": ["{item}"]}),
    Write("guest", "DELETE", "/cart/selection"),
    Write("guest", "POST", "/cart/accept-changes", {"consent_token": "0" * 64}),
    Write(
        "guest",
        "POST",
        "/cart/operations",
        {"operations": [{"id": "one", "type": "add", "variant_id": "{variant}", "quantity": 2, "note": "For you"}]},
    ),
    Write("guest", "PATCH", "/cart/metadata", {"metadata": {"gift": "yes"}}),
    Write("guest", "POST", "/cart/coupons", {"code": "TEN"}),
    Write("guest", "DELETE", "/cart/coupons/TEN"),
    Write("guest", "POST", "/cart/prices/verify", {"statement": "a.b.c"}),
    Write("guest", "PUT", "/cart/destination", {"country": "US", "region": "CA", "postal_code": "94016"}),
    Write("guest", "PUT", "/cart/shipping-method", {"method": "standard"}),
    Write("guest", "DELETE", "/cart"),
    Write("guest", "POST", "/cart/bulk/items", {"items": [{"variant_id": "{variant}", "quantity": 2}], "atomic": True}),
    Write("guest", "PUT", "/cart/bulk/items", {"items": [{"id": "{item}", "quantity": 3}], "atomic": True}),
    Write("guest", "DELETE", "/cart/bulk/items", {"ids": ["{item}"], "atomic": True}),
    Write("guest", "POST", "/cart/restore", {"version": 1}),
    Write("guest", "POST", "/cart/reserve", {"ttl_s": 60.0}, needs_body=False),
    Write("guest", "POST", "/cart/refresh"),
    Write(
        "guest",
        "POST",
        "/buy-now",
        {"variant_id": "{variant}", "quantity": 2, "note": "For you", "attributes": {}, "checkout": {**READY}},
    ),
    Write("guest", "POST", "/checkouts", {**READY, "note": "Ring twice", "metadata": {"a": "b"}}, needs_body=False),
    Write(
        "guest",
        "PATCH",
        "/checkouts/{checkout}",
        {**READY, "billing_address": ADDRESS, "note": "Ring twice", "metadata": {"a": "b"}, "line_ids": ["{item}"]},
    ),
    Write("guest", "POST", "/checkouts/{checkout}/calculate"),
    Write("guest", "POST", "/checkouts/{checkout}/payment", {"payment_method": "invoice"}),
    Write(
        "guest",
        "POST",
        "/checkouts/{checkout}/complete",
        {"expected_total": 1, "payment_method": "invoice"},
        needs_body=False,
    ),
    Write("guest", "POST", "/checkouts/{checkout}/cancel"),
    Write("guest", "POST", "/orders/{order}/cancel", {"reason": "Too late"}, needs_body=False),
    Write("guest", "POST", "/pricing/quote", BASKET),
    Write("guest", "POST", "/pricing/shipping-options", BASKET),
    Write("guest", "POST", "/pricing/shipping", BASKET),
    Write("guest", "POST", "/pricing/tax", BASKET),
    Write("guest", "POST", "/pricing/coupon-check", {**BASKET, "code": "TEN"}),
    Write("guest", "POST", "/inventory/check", {"items": [{"variant_id": "{variant}", "quantity": 2}]}),
    Write(
        "staff",
        "POST",
        "/inventory/reserve",
        {"items": [{"variant_id": "{variant}", "quantity": 2}], "ttl_s": 60.0, "reference": "A fair"},
    ),
    Write("staff", "POST", "/inventory/extend", {"id": "{reservation}", "ttl_s": 60.0}),
    Write("staff", "POST", "/inventory/release", {"id": "{reservation}"}),
    Write("staff", "POST", "/inventory/commit", {"id": "{reservation}"}),
    Write("staff", "POST", "/admin/stock/{variant}", {"action": "receive", "quantity": 5, "reason": "A lorry"}),
    Write(
        "staff",
        "POST",
        "/admin/stock/{variant}",
        {"action": "configure", "is_tracked": True, "backorder_max": 1, "safety_quantity": 1},
    ),
    Write(
        "staff",
        "POST",
        "/admin/products",
        {
            "name": "A lamp",
            "slug": "a-lamp",
            "description": "<p>It shines</p>",
            "vendor": "Us",
            "status": "active",
            "published": True,
            "tags": ["light"],
            "images": [{"url": "/lamp.webp", "alt": "A lamp"}],
            "variants": [{"sku": "L1", "price": 1000, "options": {"Colour": "Red"}, "weight_g": 900, "quantity": 1}],
        },
    ),
    Write("staff", "PATCH", "/admin/products/{product}", {"name": "A lamp", "published": False, "tags": ["light"]}),
    Write(
        "staff",
        "POST",
        "/admin/promotions",
        {
            "name": "Spring",
            "definition": {"actions": [{"type": "order_fixed", "amount": 5}], "lane": "one"},
            "limit": 5,
        },
    ),
    Write("staff", "POST", "/admin/price-rules", {"name": "Sale", "definition": {"amount": 5}}),
    Write("staff", "POST", "/admin/gift-cards", {"amount": 500, "note": "For Ann"}),
    Write("staff", "PATCH", "/admin/customers/ann/pricing", {"groups": ["trade"], "tax_id": "DE1"}),
    Write("staff", "POST", "/admin/customers/ann/store-credit", {"amount": 500, "reason": "Sorry"}),
    Write("staff", "POST", "/admin/products/{product}/variants", {"sku": "L2", "price": 1000, "floor": 5}),
    Write("staff", "PATCH", "/admin/variants/{variant}", {"price": 1000, "sku": "L3", "active": False}),
    Write("staff", "POST", "/admin/zones", {"name": "A1", "title": "One", "priority": 1, "areas": [AREA]}),
    Write("staff", "PATCH", "/admin/zones/{zone}", {"title": "One", "priority": 1, "areas": [AREA]}),
    Write("staff", "POST", "/admin/tax-rates", RATE),
    Write(
        "staff", "PATCH", "/admin/tax-rates/{tax_rate}", {"title": "VAT", "percent": 20.5, "valid_from": "2020-01-01"}
    ),
    Write("staff", "POST", "/admin/shipping-methods", METHOD),
    Write("staff", "PATCH", "/admin/shipping-methods/{shipping_method}", {"name": "By van", "is_enabled": False}),
    Write("staff", "POST", "/admin/price-lists", LIST),
    Write(
        "staff",
        "PUT",
        "/admin/customers/user-7/tax-id",
        {"tax_id": "DE136695976", "country": "DE", "is_valid": True, "reason": "Seen on paper"},
    ),
    Write("staff", "PATCH", "/admin/price-lists/{price_list}", {"name": "Trade", "priority": 2, "is_enabled": False}),
    Write("staff", "PUT", "/admin/price-lists/{price_list}/prices", {"prices": [LISTED]}),
    Write("staff", "POST", "/admin/locations", {"code": "north", "name": "The north"}),
    Write("staff", "PATCH", "/admin/locations/default", {"is_active": True}),
    Write("staff", "PUT", "/admin/stock/{variant}/places", {"places": [{"location": "default", "units": 5}]}),
    Write("staff", "POST", "/admin/stock-packages", {"items": [{"variant_id": "{variant}", "quantity": 2}]}),
    Write("staff", "POST", "/admin/orders/{order}/pay"),
    Write(
        "staff",
        "POST",
        "/admin/orders/{order}/fulfil",
        {"items": [{"variant_id": "{variant}", "quantity": 1}]},
        needs_body=False,
    ),
    Write("staff", "POST", "/admin/orders/{order}/cancel-fulfilment"),
    Write(
        "staff",
        "POST",
        "/admin/orders/{order}/cancel",
        {"items": [{"variant_id": "{variant}", "quantity": 1}], "reason": "Broken"},
        needs_body=False,
    ),
)


def filled(write: Write, shop: StandingShop, known: Trade) -> Write:
    """The write with the shop's own ids in it."""
    ids = {
        "variant": shop.variants[0],
        "product": shop.products[1],
        "item": known.items[0],
        "saved": known.saved[0],
        "checkout": known.checkouts[1],
        "order": known.orders[0],
        "reservation": known.reservations[0],
        "zone": shop.records["zones"],
        "tax_rate": shop.records["tax-rates"],
        "shipping_method": shop.records["shipping-methods"],
        "price_list": shop.records["price-lists"],
    }
    path, body = write.path, json.dumps(write.body)
    for name, value in ids.items():
        path, body = path.replace(f"{{{name}}}", value), body.replace(f"{{{name}}}", value)
    return replace(write, path=path, body=json.loads(body))


# Raw JSON, since Python would not write some of it.
NOT_NUMBERS = (
    "-1",
    "1" + "0" * 30,
    "1.5",
    "1e309",
    "-1e309",
    "NaN",
    '"1"',
    '"; drop table cart; --"',
    "true",
    "[]",
    "{}",
)
NOT_TEXTS = ('"\\u0000"', '"a\\u0000b"', '"\\ud800"', f'"{"x" * 600_000}"', "5", "1e309", "true", "[]", "{}", "[[]]")
NOT_BOOLEANS = ('"true"', "1", "0", "[]", '"yes"', "1e309")
_HOLE = "@@"


def spoiled(body: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(what was done to it, JSON) for every value of the body and everything that it cannot be."""
    for place in _places(body):
        holed = copy.deepcopy(body)
        inner: Any = holed
        for step in place[:-1]:
            inner = inner[step]
        value, inner[place[-1]] = inner[place[-1]], _HOLE
        text = json.dumps(holed)
        for wrong in _wrongs(value):
            yield f"{'.'.join(map(str, place))} = {wrong[:30]}", text.replace(f'"{_HOLE}"', wrong).encode()


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for step, inner in steps:
        yield (*above, step)
        yield from _places(inner, (*above, step))


def _wrongs(value: Any) -> tuple[str, ...]:
    match value:
        case bool():
            return NOT_BOOLEANS
        case float():
            return tuple(wrong for wrong in NOT_NUMBERS if wrong != "1.5")
        case int():
            return NOT_NUMBERS
        case str():
            return NOT_TEXTS
        case list():
            return ('"text"', "5", "true", "{}", "[5]", "[[]]", "1e309")
    return ('"text"', "5", "true", "[]", '["a"]', "1e309")


def broken(body: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(what is wrong, bytes) of bodies that are no such object at all."""
    good = json.dumps(body).encode()
    yield "cut", good[:-1]
    yield "more behind", good + b"x"
    yield "NUL", b"\0"
    yield "invalid UTF-8", good[:-1] + b', "\xff\xfe": "\xff"}'
    yield "half a surrogate as a name", good[:-1] + b', "\\ud800": 1}'
    yield "deep lists", b"[" * 100_000 + b"]" * 100_000
    yield "deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "deep in an unknown field", good[:-1] + b', "deep": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    yield "an unknown field", good[:-1] + b', "isAdmin": true}'
    yield "a prototype", good[:-1] + b', "__proto__": {"a": 1}}'
    yield "a list", b"[]"
    yield "a text", b'"text"'
    yield "a number", b"1e309"
    yield "not JSON's numbers", b"NaN"
    yield "the name of a field twice, wrong at last", good[:-1] + f', "{next(iter(body))}": [[[]]]}}'.encode()


def with_text(body: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
    """The body with this text wherever it has one, ids and choices included, one place after the other."""
    for place in _places(body):
        changed = copy.deepcopy(body)
        inner: Any = changed
        for step in place[:-1]:
            inner = inner[step]
        if isinstance(inner[place[-1]], str):
            inner[place[-1]] = text
            yield changed


# In the place of an id; a path that leads elsewhere may also lead nowhere.
WRONG_IDS = (
    "nobody",
    "%00",
    "a%00b",
    "%ff%fe",
    "%ED%A0%80",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "'%20or%20'1'='1",
    "1;drop%20table%20cart",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "{item}",
    "%7B%7B7*7%7D%7D",
    "-1",
    "0x10",
    "9" * 300,
    "x" * 5000,
    "%F0%9F%9B%92",
    "00000000-0000-0000-0000-000000000000",
    "%0d%0aSet-Cookie:%20a=b",
)
HOSTILE_TEXTS = (
    "'; drop table cart; drop table orders; --",
    '"); delete from stock; select pg_sleep(10); --',
    "$1 || (select version())",
    "<script>alert(document.cookie)</script><img src=x onerror=alert(1)>",
    "{{7*7}} ${7*7} %s %(name)s {0.__class__}",
    "../../../../etc/passwd",
    "\u202e\u200b\ufeff\U0001f6d2",
)
