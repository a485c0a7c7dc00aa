"""Shipping methods over HTTP, as staff keep them, and how long they take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.shipping import Delivery, estimate, load_methods
from pannier.shipping.schemas import ShippingMethodDocument, ShippingMethodPage

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}
DELIVERY = {"days_min": 2, "days_max": 4, "handling_days": 1, "cutoff": "14:00"}
STANDARD = {
    "code": "standard",
    "name": "Standard",
    "definition": {
        "kind": "flat",
        "amount": 1599,
        "free_from": 20000,
        "free_op": "gt",
        "zones": ["DE"],
        "max_weight": 31.5,
    },
    "delivery": DELIVERY,
}  # fmt: skip


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1/admin", headers=STAFF) as http:
            (await http.post("/zones", json={"name": "DE", "areas": [{"country": "DE"}]})).raise_for_status()
            yield http


async def test_a_method_is_made_changed_and_archived(client: httpx.AsyncClient, db: Database) -> None:
    made = await client.post("/shipping-methods", json=STANDARD)
    assert made.status_code == 201, made.text
    method = ShippingMethodDocument.model_validate_json(made.content)
    assert (method.currency, method.fulfilment, method.definition) == ("USD", "ship", STANDARD["definition"])
    assert made.json()["delivery"] == DELIVERY | {"is_on_weekends": False}

    async with db.read() as connection:
        (loaded,) = await load_methods(connection)
    assert loaded.delivery == Delivery(2, 4, 1, time(14))
    assert loaded.definition == {
        "id": "standard", "name": "Standard", "position": 0, "enabled": True, "kind": "flat", "amount": 1599,
        "free_from": 20000, "free_op": "gt", "zones": ["DE"], "max_weight": Decimal("31.5"),
    }  # fmt: skip

    path = f"/shipping-methods/{method.id}"
    changed = await client.patch(
        path, json={"is_enabled": False, "delivery": None, "definition": {"kind": "percent_of_items", "percent": 7.25}}
    )
    assert changed.json()["definition"] == {"kind": "percent_of_items", "percent": 7.25}
    assert (changed.json()["delivery"], changed.json()["is_enabled"], changed.headers["etag"]) == (None, False, '"2"')
    assert (await client.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.post("/shipping-methods", json=STANDARD)).json()["error"] == "SHIPPING_METHOD_EXISTS"
    assert (await client.delete(path)).json()["archived_at"] is not None
    page = ShippingMethodPage.model_validate_json((await client.get("/shipping-methods")).content)
    assert page.shipping_methods == []
    async with db.read() as connection:
        assert await load_methods(connection) == ()


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"definition": {"kind": "by_magic"}}, "definition.kind"),
        ({"definition": {"kind": "flat"}}, "definition.amount"),
        ({"definition": {"kind": "flat", "amount": -1}}, "definition.amount"),
        ({"definition": {"kind": "flat", "amount": 1.5}}, "definition.amount"),
        ({"definition": {"kind": "flat", "amount": 1, "wings": 2}}, "definition.wings"),
        ({"definition": {"kind": "flat", "amount": 1, "id": "other"}}, "definition.id"),
        ({"definition": {"kind": "flat", "amount": 1, "zones": ["DE", "Mars"]}}, "definition.zones"),
        ({"definition": {"kind": "weight_bands", "bands": [{"up_to": 5}]}}, "definition.bands.0.charge"),
        ({"delivery": {"days_min": 3, "days_max": 2}}, "delivery"),
        ({"currency": "XYZ"}, "currency"),
        ({"code": "With Blank"}, "code"),
    ],
)
async def test_what_cannot_be_is_explained(client: httpx.AsyncClient, changes: Any, field: str) -> None:
    refused = await client.post("/shipping-methods", json={**STANDARD, **changes})
    assert (refused.status_code, refused.json()["error"], refused.json()["field"]) == (422, "VALIDATION_FAILED", field)


FRIDAY, SATURDAY = datetime(2026, 11, 20, 13, 59, tzinfo=UTC), datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "delivery, ordered_at, expected",
    [
        (Delivery(2, 4, 1, time(14)), FRIDAY, (date(2026, 11, 25), date(2026, 11, 27))),
        # A minute later it counts as ordered on Saturday, and so on Monday.
        (Delivery(2, 4, 1, time(14)), FRIDAY.replace(hour=14, minute=0), (date(2026, 11, 26), date(2026, 11, 30))),
        (Delivery(0, 0), SATURDAY, (date(2026, 11, 23), date(2026, 11, 23))),
        (Delivery(0, 1, is_on_weekends=True), SATURDAY, (date(2026, 11, 21), date(2026, 11, 22))),
        (Delivery(5, 12), FRIDAY, (date(2026, 11, 27), date(2026, 12, 8))),
    ],
    ids=str,
)
def test_weekdays_are_counted_from_the_day_it_leaves(
    delivery: Delivery, ordered_at: datetime, expected: tuple[date, date]
) -> None:
    assert estimate(delivery, ordered_at) == expected
