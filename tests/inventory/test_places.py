"""Where units lie, and how many places it takes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import httpx
import pytest

from pannier.app import create_app
from pannier.inventory import (
    BelowHeldError,
    Cause,
    InventoryService,
    Location,
    LocationExistsError,
    LocationNotFoundError,
    Place,
    PlacesService,
    StockLevel,
    Wanted,
)
from pannier.inventory.rules import packages
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import Shop, stock_figures
from tests.support.web import client_of

STAFF = Cause("staff")
A, B = uuid7(), uuid7()


class House:
    """A shop's places."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self.inventory = InventoryService(db, settings)
        self.places = PlacesService(db, self.inventory)

    async def open(self, *codes: str) -> None:
        for code in codes:
            await self.db.write(lambda on, code=code: self.places.create(on, Location(code, code.title())))  # type: ignore[misc] # bound at once

    async def put(self, variant: uuid.UUID, **units: int) -> StockLevel:
        return await self.db.write(lambda on: self.places.set_places(on, variant, units, STAFF))

    async def switch(self, code: str, is_active: bool) -> None:
        await self.db.write(lambda on: self.places.switch(on, code, is_active=is_active, cause=STAFF))

    async def units(self, variant: uuid.UUID) -> Mapping[str, int]:
        return {place.location: place.units for place in await self.places.places(variant)}


@pytest.fixture
def house(db: Database, settings: Settings) -> House:
    return House(db, settings)


async def test_what_is_on_hand_is_the_sum_of_the_active_places(house: House) -> None:
    variant = await make_product(house.db, on_hand=1)
    await house.open("north", "south")
    assert (await house.put(variant, north=10, south=5)).on_hand == 15
    await house.switch("south", is_active=False)
    assert (await house.inventory.get_level(variant)).available == 10
    await house.switch("south", is_active=True)
    assert (await house.inventory.get_level(variant)).available == 15
    assert await faults(house.db) == {}


async def test_units_leave_the_fullest_place_first_and_come_back_there(
    house: House, db: Database, settings: Settings
) -> None:
    variant = await make_product(db, on_hand=0)
    await house.open("north", "south")
    await house.put(variant, north=4, south=6)
    shop = Shop.of(db, settings)

    shopper, number = await shop.buy(variant, 7)

    assert await house.units(variant) == {"north": 3, "south": 0}
    await shop.orders.cancel(shopper, number)
    assert await house.units(variant) == {"north": 10, "south": 0}
    assert (await stock_figures(db, variant))[0] == 10
    assert await faults(db) == {}


async def test_what_orders_are_promised_cannot_be_switched_off(house: House) -> None:
    variant = await make_product(house.db, on_hand=0)
    await house.open("north", "south")
    await house.put(variant, north=4, south=6)
    await house.inventory.reserve([Wanted(variant, 8)], STAFF)
    with pytest.raises(BelowHeldError):
        await house.switch("south", is_active=False)
    assert [location.is_active for location in await house.places.locations()] == [True, True, True]
    assert await faults(house.db) == {}


async def test_codes_are_known_and_taken_once(house: House) -> None:
    variant = await make_product(house.db)
    await house.open("north")
    with pytest.raises(LocationExistsError):
        await house.open("north")
    for act in (house.put(variant, moon=1), house.switch("moon", is_active=False)):
        with pytest.raises(LocationNotFoundError):
            await act
    assert (await house.put(variant)).on_hand == 0
    assert (await house.inventory.receive(variant, 3, STAFF)).on_hand == 3
    assert await faults(house.db) == {}


@pytest.mark.parametrize(
    "wanted, places, least",
    [
        ({A: 5}, [("one", A, 2), ("two", A, 2), ("three", A, 2)], 3),
        ({A: 4}, [("one", A, 2), ("two", A, 2), ("three", A, 2)], 2),
        ({A: 1, B: 1}, [("one", A, 1), ("two", B, 1), ("three", A, 1), ("three", B, 1)], 1),
        ({A: 2, B: 2}, [("one", A, 2), ("two", B, 2), ("three", A, 1), ("three", B, 1)], 2),
        ({A: 9}, [("one", A, 2)], None),
        ({A: 9}, [("one", B, 2)], 0),
        ({A: 13}, [(f"p{n}", A, 1) for n in range(14)], 13),
    ],
)
def test_the_least_number_of_places_that_have_all(
    wanted: dict[uuid.UUID, int], places: list[tuple[str, uuid.UUID, int]], least: int | None
) -> None:
    items = [Wanted(variant, units) for variant, units in wanted.items()]

    assert packages(items, [Place(variant, code, units) for code, variant, units in places]) == least


async def test_over_http(db: Database, settings: Settings, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=0)
    app = create_app(settings, clock=clock)
    headers = {"Authorization": "Bearer a-token-for-tests-only"}
    async with app.running(), client_of(app, headers=headers) as client:
        client.base_url = httpx.URL("http://shop.test/api/v1/admin/")
        for code in ("north", "south"):
            assert (await client.post("locations", json={"code": code, "name": code})).status_code == 201
        assert (await client.post("locations", json={"code": "north", "name": "N"})).json()[
            "error"
        ] == "LOCATION_EXISTS"
        body = {"places": [{"location": "north", "units": 2}, {"location": "south", "units": 2}]}
        assert (await client.put(f"stock/{variant}/places", json=body)).json()["on_hand"] == 4
        twice = {"places": body["places"][:1] * 2}
        assert (await client.put(f"stock/{variant}/places", json=twice)).status_code == 422
        wanted = {"items": [{"variant_id": str(variant), "quantity": 3}]}
        assert (await client.post("stock-packages", json=wanted)).json() == {"packages": 2}
        off = await client.patch("locations/south", json={"is_active": False})
        assert [place["is_active"] for place in off.json()["locations"]] == [True, True, False]
        assert (await client.post("stock-packages", json=wanted)).json() == {"packages": None}
        assert len((await client.get(f"stock/{variant}/places")).json()["places"]) == 2
        assert len((await client.get("locations")).json()["locations"]) == 3
        assert (await client.patch("locations/moon", json={"is_active": True})).status_code == 404
