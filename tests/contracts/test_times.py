"""Times have one form in every answer: RFC 3339 in UTC, with `Z`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.contracts.standing import standing, trade

TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")
FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
ASKED_BY_SHOPPERS = ("/cart", "/products", "/products/{0.products[0]}", "/orders/{1.orders[0]}")
ASKED_OF_CHECKOUTS = (
    "/checkouts/{1.checkouts[0]}",
    "/checkouts/{1.checkouts[1]}",
    "/checkouts/{1.checkouts[1]}/status",
)
ASKED_BY_STAFF = ("/admin/orders", "/admin/products", "/admin/products/{0.products[1]}", "/admin/stock/{0.variants[0]}")


def times_in(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """`(place, text)` of everything in an answer that reads as a time."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from times_in(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from times_in(inner, f"{place}[]")
    elif isinstance(value, str) and TIME.fullmatch(value):
        yield place, value


async def test_every_time_ends_with_z(settings: Settings, db: Database) -> None:
    async with standing(settings, db) as shop:
        known = await trade(shop)
        found: list[tuple[str, str]] = []
        async with shop.client(known.headers) as guest, shop.client(shop.staff) as staff:
            for client, paths in ((guest, ASKED_BY_SHOPPERS + ASKED_OF_CHECKOUTS), (staff, ASKED_BY_STAFF)):
                for path in paths:
                    answer = (await client.get(path.format(shop, known))).raise_for_status()
                    found += times_in(answer.json(), path)
            wanted = {"items": [{"variant_id": shop.variants[0], "quantity": 1}], "ttl_s": 600}
            added = await guest.post("/cart/items", json={"variant_id": shop.variants[0], "quantity": 1})
            for answer in (added, await staff.post("/inventory/reserve", json=wanted)):
                found += times_in(answer.raise_for_status().json(), answer.request.url.path)
    assert len({place for place, _ in found}) > 15
    assert [(place, text) for place, text in found if not FORM.fullmatch(text)] == []
