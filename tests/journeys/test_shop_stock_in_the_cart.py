"""Shop C: units leave the stock with the click, come back with the next; 8 %, 15.99, free above 200, customers only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from pannier.accounts import Mailer
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.journeys.devices import Device, contents, device, flags
from tests.journeys.shop_pages import open_shop, settings_of
from tests.support.accounts import Mailbox
from tests.support.books import faults
from tests.support.catalogue import figures, make_product

PAGE = "stock-in-the-cart"
JANE = {"email": "jane@example.com", "password": "three grey herons"}
ADDRESS = {"name": "Jane Doe", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}
TOLD = {"email": "jane@example.com", "shipping_address": ADDRESS, "payment_method": "invoice"}


@pytest_asyncio.fixture
async def address(database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    with open_shop(settings_of(PAGE, monkeypatch, database_url, access_log="off"), clock) as (_, address):
        yield address


async def on_hand(db: Database, variant: Any) -> tuple[int, int]:
    found = await figures(db, variant)
    return found.on_hand, found.held


async def signed_in(guest: Device, db: Database) -> None:
    """Open an account and sign in at this device; the cart comes along."""
    mailbox = Mailbox()
    await guest.send("POST", "/auth/register", JANE, 202)
    await Mailer(db, Settings(), mailbox).send_due()
    token = mailbox.token(JANE["email"])
    await guest.send("POST", "/auth/verify", {"token": token, "password": JANE["password"]})
    answer = await guest.send("POST", "/auth/login", JANE)
    guest.signed_in(answer["access_token"])


async def test_a_unit_leaves_the_stock_with_the_click_and_comes_back_with_the_next(
    address: str, db: Database, clock: ManualClock
) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5)
    async with device(address) as jane, device(address, "john") as john:
        cart = await jane.add(lamp, 3)
        assert await on_hand(db, lamp) == (2, 0)
        short = await john.add(lamp, 3, status=409)
        assert (short["error"], short["details"]["requested"], short["details"]["available"]) == (
            "INSUFFICIENT_STOCK",
            3,
            2,
        )
        item = cart["items"][0]["id"]
        await jane.send("PATCH", f"/cart/items/{item}", {"quantity": 1})
        assert await on_hand(db, lamp) == (4, 0)
        assert contents(await john.add(lamp, 3)) == [("Lamp", 3)]
        await jane.send("DELETE", f"/cart/items/{item}")
        await john.send("DELETE", "/cart")
        assert await on_hand(db, lamp) == (5, 0)

        # A cart that is left gives them back by itself, to whoever asks next.
        await jane.add(lamp, 5)
        clock.advance(timedelta(minutes=30, seconds=1))
        assert contents(await john.add(lamp, 5)) == [("Lamp", 5)]
        assert flags(await jane.cart()) == [["hold_expired", "insufficient_stock"]]
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "quantity, subtotal, tax, shipping, total",
    [(1, 10_000, 800, 1599, 12_399), (2, 20_000, 1600, 1599, 23_199), (3, 30_000, 2400, 0, 32_400)],
)
async def test_the_total_shown_is_the_total_charged(
    address: str, db: Database, quantity: int, subtotal: int, tax: int, shipping: int, total: int
) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5, price_minor=10_000)
    async with device(address) as jane:
        await jane.add(lamp, quantity)
        await signed_in(jane, db)
        checkout = await jane.send("POST", "/checkouts", TOLD, 201)
        shown = {name: checkout["totals"][name]["amount"] for name in ("subtotal", "tax", "shipping", "total")}
        assert shown == {"subtotal": subtotal, "tax": tax, "shipping": shipping, "total": total}
        changed = await jane.send("POST", f"/checkouts/{checkout['id']}/complete", {"expected_total": total - 1}, 409)
        assert changed["error"] == "TOTAL_CHANGED"
        done = await jane.send("POST", f"/checkouts/{checkout['id']}/complete", {"expected_total": total})
        assert done["order"]["total"]["amount"] == total


async def test_only_a_customer_orders_and_her_cart_comes_along(address: str, db: Database) -> None:
    lamp = await make_product(db, name="Lamp", on_hand=5)
    async with device(address) as jane, device(address, "john") as john:
        await jane.add(lamp, 2)
        assert (await jane.send("POST", "/checkouts", TOLD, 401))["error"] == "LOGIN_REQUIRED"
        buying = {"variant_id": str(lamp), "checkout": TOLD}
        assert (await john.send("POST", "/buy-now", buying, 401))["error"] == "LOGIN_REQUIRED"
        # Neither refusal took anything.
        assert await on_hand(db, lamp) == (3, 0)
        await signed_in(jane, db)
        assert contents(await jane.cart()) == [("Lamp", 2)]

        begun = await jane.send("POST", "/checkouts", {}, 201)
        path = f"/checkouts/{begun['id']}"
        missing = [entry["error"] for entry in begun["requirements"]]
        assert (begun["status"], begun["next_step"]) == ("incomplete", "address")
        assert missing == ["CUSTOMER_REQUIRED", "ADDRESS_REQUIRED", "PAYMENT_METHOD_REQUIRED"]
        assert (await jane.send("POST", f"{path}/complete", {}, 409))["error"] == "CHECKOUT_NOT_READY"
        ready = await jane.send("PATCH", path, TOLD)
        assert (ready["status"], ready["requirements"]) == ("ready_for_complete", [])
        done = await jane.send("POST", f"{path}/complete", {}, Idempotency_Key="the-order")
        again = await jane.send("POST", f"{path}/complete", {}, Idempotency_Key="the-order")
        assert done["order"]["number"] == again["order"]["number"]
        # Its units had left already; canceled, they are back.
        assert await on_hand(db, lamp) == (3, 0)
        assert (await jane.cart())["items"] == []
        number = done["order"]["number"]
        assert (await john.send("GET", f"/orders/{number}", status=404))["error"] == "ORDER_NOT_FOUND"
        await jane.send("POST", f"/orders/{number}/cancel", {"reason": "changed my mind"})
        assert await on_hand(db, lamp) == (5, 0)
    assert await faults(db) == {}
