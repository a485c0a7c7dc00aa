"""Zones and tax rates over HTTP, as staff keep them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.tax import load_rates
from pannier.tax.schemas import TaxRateDocument, TaxRatePage, ZoneDocument, ZonePage

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}
GERMANY = {"name": "DE", "title": "Germany", "areas": [{"country": "DE"}]}
VAT = {"code": "vat", "category": "standard", "zone": "DE", "percent": 19, "is_included": True}


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1/admin", headers=STAFF) as http:
            yield http


async def _made(client: httpx.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_zone_is_made_changed_and_archived(client: httpx.AsyncClient, db: Database) -> None:
    made = await client.post("/zones", json=GERMANY, headers={"Idempotency-Key": "one"})
    again = await client.post("/zones", json=GERMANY, headers={"Idempotency-Key": "one"})
    assert (made.status_code, made.headers["etag"], again.content) == (201, '"1"', made.content)
    assert again.headers["idempotent-replayed"] == "true"
    zone = ZoneDocument.model_validate_json(made.content)

    areas = [
        {"country": "DE"},
        {"country": "AT", "postal_from": "6691", "postal_to": "6691"},
        {"country": "DE", "region": "by"},
    ]
    changed = await client.patch(f"/zones/{zone.id}", json={"areas": areas}, headers={"If-Match": '"1"'})
    late = await client.patch(f"/zones/{zone.id}", json={"title": "D"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert [area["region"] for area in changed.json()["areas"]] == [None, None, "BY"]
    assert changed.json()["title"] == "Germany"
    assert (late.status_code, late.json()["error"], late.json()["details"]) == (
        412, "RECORD_CHANGED", {"expected": 1, "actual": 2},
    )  # fmt: skip

    archived = await client.delete(f"/zones/{zone.id}")
    assert archived.json()["archived_at"] is not None
    assert (await client.delete(f"/zones/{zone.id}")).json() == archived.json()
    assert (await client.patch(f"/zones/{zone.id}", json={"title": "x"})).json()["error"] == "RECORD_ARCHIVED"
    assert (await client.get("/zones")).json()["zones"] == []
    shown = ZonePage.model_validate_json((await client.get("/zones?archived=true")).content)
    assert [entry.name for entry in shown.zones] == ["DE"]
    assert (await client.post("/zones", json=GERMANY)).json()["error"] == "ZONE_EXISTS"

    async with db.read() as connection:
        events = await connection.fetch(
            "select type, data from event where aggregate_id = $1 order by version", zone.id
        )
        kept = await connection.fetch("select action, before, after, subject_name from price_audit order by at, id")
        revision = await connection.fetchval("select revision from price_book_revision")
    assert [event["type"] for event in events] == ["zone.created", "zone.updated", "zone.archived"]
    assert events[1]["data"]["before"]["areas"] == made.json()["areas"]
    assert events[1]["data"]["after"]["areas"] == changed.json()["areas"]
    assert [(row["action"], row["subject_name"]) for row in kept] == [
        ("created", "DE"), ("updated", "DE"), ("archived", "DE"),
    ]  # fmt: skip
    assert kept[2]["before"]["archived_at"] is None
    assert revision == 4


async def test_a_rates_history_has_one_percentage_a_day(client: httpx.AsyncClient, db: Database) -> None:
    await _made(client, "/zones", GERMANY)
    first = await _made(client, "/tax-rates", {**VAT, "valid_from": "2007-01-01", "valid_to": "2020-06-30"})
    await _made(client, "/tax-rates", {**VAT, "percent": 16, "valid_from": "2020-07-01", "valid_to": "2020-12-31"})
    last = await _made(client, "/tax-rates", {**VAT, "percent": 19.25, "valid_from": "2021-01-01"})
    TaxRateDocument.model_validate(last)

    overlap = await client.post("/tax-rates", json={**VAT, "valid_from": "2020-12-31", "valid_to": "2020-12-31"})
    longer = await client.patch(f"/tax-rates/{first['id']}", json={"valid_to": None})
    assert [(answer.status_code, answer.json()["error"]) for answer in (overlap, longer)] == [
        (409, "TAX_RATE_OVERLAP")
    ] * 2
    # Another code, category or zone is another history.
    await _made(client, "/tax-rates", {**VAT, "code": "levy"})
    await _made(client, "/tax-rates", {**VAT, "category": "reduced", "percent": 7})
    await _made(client, "/tax-rates", {**VAT, "zone": None})

    page = TaxRatePage.model_validate_json((await client.get("/tax-rates?zone=DE&category=standard&code=vat")).content)
    assert [rate.percent for rate in page.tax_rates] == [19, 16, 19.25]
    async with db.read() as connection:
        loaded = {rate.id: rate.definition for rate in await load_rates(connection)}
    assert len(loaded) == 6
    assert [one for one in loaded.values() if one["id"] == last["id"]] == [
        {"id": last["id"], "category": "standard", "percent": Decimal("19.25"), "included": True, "zone": "DE",
         "order": 0, "compound": False, "from": date(2021, 1, 1).isoformat()},
    ]  # fmt: skip
    zone = (await client.get("/zones")).json()["zones"][0]
    busy = await client.delete(f"/zones/{zone['id']}")
    assert (busy.status_code, busy.json()["details"]) == (409, {"tax_rates": 5})


async def test_pages_go_through_all(client: httpx.AsyncClient) -> None:
    for name in ("A", "B", "C"):
        await _made(client, "/zones", {"name": name})
    first = (await client.get("/zones?limit=2")).json()
    second = (await client.get(f"/zones?limit=2&cursor={first['next_cursor']}")).json()
    assert [zone["name"] for zone in first["zones"] + second["zones"]] == ["A", "B", "C"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/zones", {"name": "not a name"}, "name"),
        ("/zones", {"name": "X", "areas": [{"country": "XX"}]}, "areas.0.country"),
        ("/zones", {"name": "X", "areas": [{"country": "DE", "postal_from": "1"}]}, "areas.0"),
        ("/zones", {"name": "X", "areas": [{"country": "DE", "postal_from": "2", "postal_to": "1"}]}, "areas.0"),
        ("/zones", {"name": "X", "areas": [{"country": "DE"}, {"country": "DE"}]}, "areas"),
        ("/tax-rates", {**VAT, "zone": "nowhere"}, "zone"),
        ("/tax-rates", {**VAT, "zone": None, "percent": "19"}, "percent"),
        ("/tax-rates", {**VAT, "zone": None, "percent": -1}, "percent"),
        ("/tax-rates", {**VAT, "zone": None, "percent": 0.0000001}, "percent"),
        ("/tax-rates", {**VAT, "zone": None, "valid_from": "2026-02-30"}, "valid_from"),
        ("/tax-rates", {**VAT, "zone": None, "valid_from": "2026-02-02", "valid_to": "2026-02-01"}, "valid_to"),
    ],
)
async def test_what_cannot_be_is_explained(client: httpx.AsyncClient, path: str, body: Any, field: str) -> None:
    refused = await client.post(path, json=body)
    assert (refused.status_code, refused.json()["error"], refused.json()["field"]) == (422, "VALIDATION_FAILED", field)
