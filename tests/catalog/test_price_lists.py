"""Price lists: whose price counts, when, for how many, in which currency."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.catalog.jobs import catch_up
from pannier.catalog.price_list_schemas import ListPricePage, PriceListDocument, PriceListPage
from pannier.currencies import import_fx, read_ecb
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.records import Cause
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}
SHELF = "00000000-0000-7000-8000-000000000001"


class Desk:
    """A member of staff who keeps prices, and a look at what a variant costs."""

    def __init__(self, client: httpx.AsyncClient, db: Database) -> None:
        self.client = client
        self.db = db

    async def new_list(self, code: str, **values: Any) -> str:
        """A list; answers its id."""
        answer = await self.client.post("/price-lists", json={"code": code, "name": code, **values})
        assert answer.status_code == 201, answer.text
        return str(PriceListDocument.model_validate_json(answer.content).id)

    async def set(self, list_id: str, *prices: dict[str, Any]) -> httpx.Response:
        return await self.client.put(f"/price-lists/{list_id}/prices", json={"prices": list(prices)})

    async def cost(
        self,
        variant: uuid.UUID,
        quantity: int = 1,
        user: str | None = None,
        currency: str = "USD",
        later: timedelta = timedelta(),
        channel: str = "default",
    ) -> int | None:
        """What one unit costs."""
        async with self.db.read() as connection:
            found: int | None = await connection.fetchval(
                "select p.amount_minor from variant v, catalog_price(v, $2, $3, $4, $5, $6) p where v.id = $1",
                variant, currency, channel, quantity, self.db.clock.now() + later, user,
            )  # fmt: skip
        return found

    async def group(self, user: str, *groups: str) -> None:
        async with self.db.read() as connection:
            await connection.execute(
                "insert into customer_profile (user_id, groups, created_at, updated_at) values ($1, $2, now(), now())",
                user, list(groups),
            )  # fmt: skip


@pytest_asyncio.fixture
async def desk(settings: Settings, clock: ManualClock, db: Database) -> AsyncIterator[Desk]:
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1/admin", headers=STAFF) as http:
            yield Desk(http, db)


async def test_tiers_count_by_quantity_and_a_sale_within_its_time(desk: Desk) -> None:
    stool = await make_product(desk.db, price_minor=1000)
    now = desk.db.clock.now()
    sale = {"valid_from": (now + timedelta(days=1)).isoformat(), "valid_to": (now + timedelta(days=2)).isoformat()}
    done = await desk.set(
        SHELF,
        {"variant_id": str(stool), "amount": 900, "quantity_min": 10},
        {"variant_id": str(stool), "amount": 800, "quantity_min": 50},
        {"variant_id": str(stool), "amount": 700, "compare_at": 1000, **sale},
    )

    assert (done.status_code, done.json()["version"]) == (200, 2)
    assert [await desk.cost(stool, quantity) for quantity in (1, 9, 10, 49, 50)] == [1000, 1000, 900, 900, 800]
    assert [await desk.cost(stool, later=timedelta(hours=hours)) for hours in (23, 24, 47, 48)] == [
        1000,
        700,
        700,
        1000,
    ]
    page = (await desk.client.get(f"/price-lists/{SHELF}/prices?variant_id={stool}")).json()
    ListPricePage.model_validate(page)
    assert sorted(price["amount"] for price in page["prices"]) == [700, 800, 900, 1000]
    assert await faults(desk.db) == {}
    async with desk.db.read() as connection:
        said = "select amount_after, actor from price_history where variant_id = $1 order by id"
        kept = await connection.fetch(said, stool)
    assert sorted((row["amount_after"], row["actor"]) for row in kept[1:]) == [
        (700, "admin"), (800, "admin"), (900, "admin"),
    ]  # fmt: skip

    (price_id,) = [price["id"] for price in page["prices"] if price["amount"] == 700]
    await desk.client.delete(f"/price-lists/{SHELF}/prices/{price_id}")
    assert await desk.cost(stool, later=timedelta(hours=30)) == 1000
    assert (await desk.client.delete(f"/price-lists/{SHELF}/prices/{price_id}")).status_code == 200


async def test_a_groups_list_is_for_that_group(desk: Desk) -> None:
    stool, lamp = await make_product(desk.db, price_minor=1000), await make_product(desk.db, price_minor=500)
    await desk.group("jane", "trade", "press")
    trade = await desk.new_list("trade", customer_group="trade")
    await desk.set(trade, {"variant_id": str(stool), "amount": 600})
    await desk.set(SHELF, {"variant_id": str(lamp), "amount": 450, "customer_group": "press"})

    assert [await desk.cost(stool, user=user) for user in (None, "john", "jane")] == [1000, 1000, 600]
    assert [await desk.cost(lamp, user=user) for user in (None, "john", "jane")] == [500, 500, 450]
    assert await faults(desk.db) == {}


async def test_the_list_with_the_highest_priority_counts_while_it_does(desk: Desk) -> None:
    stool = await make_product(desk.db, price_minor=1000)
    now = desk.db.clock.now()
    season = await desk.new_list("season", priority=5, ends_at=(now + timedelta(days=1)).isoformat())
    await desk.set(season, {"variant_id": str(stool), "amount": 1100})
    assert [await desk.cost(stool), await desk.cost(stool, later=timedelta(days=1))] == [1100, 1000]
    assert await faults(desk.db) == {}

    off = await desk.client.patch(f"/price-lists/{season}", json={"is_enabled": False})
    assert (off.status_code, await desk.cost(stool)) == (200, 1000)
    await desk.client.patch(f"/price-lists/{season}", json={"is_enabled": True, "ends_at": None})
    assert await desk.cost(stool, later=timedelta(days=2)) == 1100
    assert (await desk.client.delete(f"/price-lists/{season}")).json()["archived_at"] is not None
    assert await desk.cost(stool) == 1000
    await catch_up(desk.db)
    assert await faults(desk.db) == {}
    page = PriceListPage.model_validate_json((await desk.client.get("/price-lists")).content)
    assert [entry.code for entry in page.price_lists] == ["default"]


async def test_what_everybody_pays_is_what_the_search_finds(desk: Desk) -> None:
    stool = await make_product(desk.db, price_minor=1000)
    season = await desk.new_list("season", priority=5)
    await desk.set(season, {"variant_id": str(stool), "amount": 300})

    async def found(below: int) -> int:
        answer = await desk.client.get(f"http://shop/api/v1/products?price_max={below}")
        return len(answer.json()["products"])

    assert [await found(300), await found(299)] == [1, 0]
    await desk.client.patch(f"/price-lists/{season}", json={"is_enabled": False})
    await catch_up(desk.db)
    assert [await found(300), await found(1000)] == [0, 1]


async def test_a_currency_has_its_own_price_first_and_a_converted_one_second(
    desk: Desk, settings: Settings, clock: ManualClock
) -> None:
    stool, lamp = await make_product(desk.db, price_minor=2000), await make_product(desk.db, price_minor=1999)
    euros = await desk.new_list("euros", currency="EUR")
    await desk.set(euros, {"variant_id": str(stool), "amount": 1800})
    day = clock.now().date().isoformat()
    await import_fx(desk.db, read_ecb(f"Date,USD,JPY\n{day},1.1684,186.75\n".encode()), Cause("test"))
    assert await desk.cost(lamp, currency="EUR") is None

    changes = {"conversion_currencies": ("EUR", "JPY"), "conversion_step_minor": 5}
    converting = await Database.connect(settings.database_url or "", settings.model_copy(update=changes), clock)
    try:
        there = Desk(desk.client, converting)
        assert await there.cost(stool, currency="EUR") == 1800
        # 19.99 / 1.1684 = 17.1089; 19.99 × 186.75 / 1.1684 = 3195.09
        assert [await there.cost(lamp, currency=code) for code in ("EUR", "JPY", "CHF")] == [1710, 3195, None]
        assert await there.cost(lamp, currency="EUR", later=timedelta(days=7)) == 1710
        assert await there.cost(lamp, currency="EUR", later=timedelta(days=8)) is None
    finally:
        await converting.close()


async def test_a_channels_own_price_is_converted_when_the_shop_has_none(
    desk: Desk, settings: Settings, clock: ManualClock
) -> None:
    abroad, both = await make_product(desk.db, price_minor=None), await make_product(desk.db, price_minor=1999)
    async with desk.db.read() as connection:
        await connection.execute("insert into channel (code, name) values ('shop-de', 'Germany')")
    euros = await desk.new_list("euros")
    for variant in (abroad, both):
        await desk.set(euros, {"variant_id": str(variant), "currency": "EUR", "channel": "shop-de", "amount": 1000})
    day = clock.now().date().isoformat()
    await import_fx(desk.db, read_ecb(f"Date,USD,JPY\n{day},1.1684,186.75\n".encode()), Cause("test"))
    changes = {"conversion_currencies": ("USD", "JPY")}
    converting = await Database.connect(settings.database_url or "", settings.model_copy(update=changes), clock)
    try:
        there = Desk(desk.client, converting)
        # 10.00 × 1.1684 = 11.684; 10.00 × 186.75 = 1867.5, and a half goes up; where the shop has a price, it is first:
        # 19.99 × 186.75 / 1.1684 = 3195.09
        assert await there.cost(abroad, currency="USD", channel="shop-de") == 1168
        assert await there.cost(abroad, currency="JPY", channel="shop-de") == 1868
        assert await there.cost(both, currency="JPY", channel="shop-de") == 3195
        assert await there.cost(abroad, currency="JPY") is None
    finally:
        await converting.close()


@pytest.mark.parametrize(
    "price, field",
    [
        ({"variant_id": "01977d3e-8f00-7000-8000-000000000001"}, "prices.0.variant_id"),
        ({"currency": "USD"}, "prices.0.currency"),
        ({"channel": "moon"}, "prices.0.channel"),
        ({"valid_from": "2026-01-02T00:00:00Z", "valid_to": "2026-01-02T00:00:00Z"}, "prices.0.valid_to"),
        ({"valid_from": "1767312000"}, "prices.0.valid_from"),
        ({"amount": -1}, "prices.0.amount"),
    ],
)
async def test_what_cannot_be_is_explained(desk: Desk, price: dict[str, Any], field: str) -> None:
    euros = await desk.new_list("euros", currency="EUR")
    stool = await make_product(desk.db)
    refused = await desk.set(euros, {"variant_id": str(stool), "amount": 5, **price})
    assert (refused.status_code, refused.json()["field"]) == (422, field), refused.text
    assert (await desk.client.get(f"/price-lists/{euros}")).json()["version"] == 1


async def test_the_shelf_stays_and_codes_are_taken_once(desk: Desk) -> None:
    assert (await desk.client.delete(f"/price-lists/{SHELF}")).status_code == 422
    assert (await desk.client.patch(f"/price-lists/{SHELF}", json={"is_enabled": False})).status_code == 422
    assert (await desk.client.patch(f"/price-lists/{SHELF}", json={"name": "Regal"})).json()["name"] == "Regal"
    taken = await desk.client.post("/price-lists", json={"code": "default", "name": "Another"})
    assert (taken.status_code, taken.json()["error"]) == (409, "PRICE_LIST_EXISTS")
    backwards = {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}
    never = await desk.client.post("/price-lists", json={"code": "never", "name": "Never", **backwards})
    assert (never.status_code, never.json()["field"]) == (422, "ends_at")
    stool = str(await make_product(desk.db))
    twice = await desk.set(SHELF, {"variant_id": stool, "amount": 1}, {"variant_id": stool, "amount": 2})
    assert (twice.status_code, twice.json()["field"]) == (422, "prices")
