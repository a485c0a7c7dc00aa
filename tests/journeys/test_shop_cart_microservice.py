"""Shop D: products sent by one service, users signed by another, units asked for by a third; holds of 15 minutes."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from tests.journeys.devices import Device, contents, device, flags
from tests.journeys.shop_pages import open_shop, page, settings_of, variables
from tests.support.catalogue import figures, make_product
from tests.support.issuers import SigningKey, claims, jwks_server

PAGE = "cart-microservice"
KEY = SigningKey("auth-1")
ISSUER = variables(page(PAGE))["PANNIER_JWT_ISSUER"]


def token(user: str, *roles: str, **more: Any) -> str:
    """As the auth service signs it for a user, or for another service."""
    return KEY.sign(
        claims(iss=ISSUER, aud="cart-service", sub=user, roles=list(roles), exp=time.time() + 86_400, **more)
    )


@pytest_asyncio.fixture
async def address(database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    with jwks_server(KEY) as auth_service:
        # The one address that is another here: there is no service at that of the page.
        changes = {"access_log": "off", "jwt_jwks_url": auth_service.url}
        with open_shop(settings_of(PAGE, monkeypatch, database_url, **changes), clock) as (_, address):
            yield address


def told(refusal: Any) -> tuple[int, int]:
    """How many were asked for, and how many there are."""
    return refusal["details"]["requested"], refusal["details"]["available"]


async def as_user(of: Device, user: str, *roles: str) -> Device:
    of.signed_in(token(user, *roles))
    return of


async def test_a_product_comes_from_its_service_and_goes_into_a_cart(address: str) -> None:
    async with device(address, "products") as one, device(address, "web") as two, device(address, "other") as three:
        products, jane = await as_user(one, "svc-products", "product-service"), await as_user(two, "jane")
        new = {
            "slug": "lamp",
            "name": "Lamp",
            "status": "active",
            "variants": [{"sku": "L-1", "price": 4900, "quantity": 3}],
        }
        made = await products.send("POST", "/admin/products", new, 201, Idempotency_Key="lamp-1")
        same = await products.send("POST", "/admin/products", new, 201, Idempotency_Key="lamp-1")
        variant = made["variants"][0]["id"]
        assert made["id"] == same["id"]
        cart = await jane.add(variant, 2)
        assert (contents(cart), cart["owner"]) == ([("Lamp", 2)], {"kind": "user", "user_id": "jane"})
        assert cart["items"][0]["unit_price"] == {"amount": 4900, "currency": "USD"}
        received = {"action": "receive", "quantity": 4, "reason": "delivery"}
        await products.send("POST", f"/admin/stock/{variant}", received, Idempotency_Key="delivery-7")
        assert (await jane.cart())["items"][0]["availability"]["available"] == 7
        # A user is no service, and somebody else's key signs nothing.
        assert (await jane.send("POST", "/admin/products", new, 403))["error"] == "FORBIDDEN"
        three.signed_in(SigningKey("auth-1").sign(claims(iss=ISSUER, aud="cart-service", sub="jane")))
        assert (await three.add(variant, status=401))["error"] == "INVALID_TOKEN"


async def test_a_hold_lasts_fifteen_minutes_goes_to_whoever_comes_and_is_taken_again(
    address: str, db: Database, clock: ManualClock
) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=2)
    async with device(address) as slow, device(address) as quick:
        held = await slow.add(lamp, 2)
        assert held["hold_expires_at"] is not None
        sold_out = await quick.add(lamp, status=409)
        assert (sold_out["error"], told(sold_out)) == ("INSUFFICIENT_STOCK", (1, 0))

        clock.advance(timedelta(minutes=15, seconds=1))

        # Nobody has swept: the units are free at that second all the same.
        assert contents(await quick.add(lamp)) == [("Lamp", 1)]
        assert flags(await slow.cart()) == [["hold_expired", "insufficient_stock"]]
        item = held["items"][0]["id"]
        refused = await slow.send("PATCH", f"/cart/items/{item}", {"quantity": 3}, 409)
        assert told(refused) == (3, 1)
        assert flags(await slow.send("PATCH", f"/cart/items/{item}", {"quantity": 1})) == [[]]
        assert (await figures(db, lamp)).held == 2

        # The other one goes, and what he had is there for the first again.
        await quick.send("DELETE", "/cart")
        assert contents(await slow.add(lamp)) == [("Lamp", 2)]
        validation = await slow.send("GET", "/cart/validate")
        assert validation["is_valid"]


async def test_activity_extends_a_hold_up_to_the_cap(address: str, db: Database, clock: ManualClock) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=200)
    async with device(address) as shopper:
        await shopper.add(lamp)
        for _ in range(9):
            clock.advance(timedelta(minutes=12))
            assert flags(await shopper.add(lamp)) == [[]]
        clock.advance(timedelta(minutes=13))
        # Two hours after it began nothing keeps it; the next write begins another.
        assert flags(await shopper.cart()) == [["hold_expired"]]
        assert flags(await shopper.add(lamp)) == [[]]


async def test_the_order_service_reserves_extends_and_commits_under_its_own_id(
    address: str, db: Database, clock: ManualClock
) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5)
    async with device(address, "orders") as one, device(address) as jane:
        orders = await as_user(one, "svc-orders", "order-service")
        wanted = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, "order-1")),
            "items": [{"variant_id": str(lamp), "quantity": 4}],
        }
        made = await orders.send("POST", "/inventory/reserve", wanted, 201)
        checked = await jane.send("POST", "/inventory/check", {"items": [{"variant_id": str(lamp), "quantity": 2}]})
        assert (made["status"], checked["items"][0]["available"]) == ("held", 1)
        assert told(await jane.add(lamp, 2, status=409)) == (2, 1)
        clock.advance(timedelta(minutes=10))
        await orders.send("POST", "/inventory/extend", {"id": made["id"]})
        clock.advance(timedelta(minutes=10))
        done = await orders.send("POST", "/inventory/commit", {"id": made["id"]})
        assert done["status"] == "committed"
        assert ((await figures(db, lamp)).on_hand, (await figures(db, lamp)).held) == (1, 0)
        late = await orders.send(
            "POST", "/inventory/reserve", {**wanted, "id": str(uuid.uuid5(uuid.NAMESPACE_URL, "2"))}, 409
        )
        assert late["error"] == "INSUFFICIENT_STOCK"


async def test_monitoring_finds_what_it_looks_for(address: str, db: Database) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5)
    async with device(address) as shopper:
        await shopper.add(lamp)
        ready = await shopper.http.get(f"{address}/health/ready")
        metrics = await shopper.http.get(f"{address}/metrics")
        answer = await shopper.http.get("/cart", headers={"X-Request-Id": "from-the-gateway-1"})
    assert ready.json()["status"] == "ok"
    assert 'route="/api/v1/cart/items"' in metrics.text
    assert answer.headers["x-request-id"] == "from-the-gateway-1"
