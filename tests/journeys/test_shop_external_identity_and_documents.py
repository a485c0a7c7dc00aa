"""Shop E: no cart without a login, tokens of an outside provider, units that leave when the payment succeeds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from pannier.cart import CartService
from pannier.kernel.clock import ManualClock
from pannier.payments import TestGateway
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.journeys.devices import Device, contents, device
from tests.journeys.shop_pages import open_shop, page, settings_of, variables
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.issuers import SigningKey, claims, jwks_server

PAGE = "external-identity-and-documents"
CLERK = SigningKey("ins_1")
ISSUER = variables(page(PAGE))["PANNIER_JWT_ISSUER"]
ADDRESS = {"name": "Jane Doe", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}


def session(user: str, clock: ManualClock, **more: Any) -> str:
    """A session token of Clerk's shape: a minute long, with `azp` and no `aud`."""
    now = int(clock.now().timestamp())
    shape = {"azp": "https://shop.example.com", "sid": "sess_1", "fva": [1, -1], "v": 2, "aud": None, "exp": now + 60}
    return CLERK.sign(claims(**{**shape, "iss": ISSUER, "sub": user, "iat": now, "nbf": now - 10, **more}))


@pytest_asyncio.fixture
async def address(database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    with jwks_server(CLERK) as provider:
        changes = {"access_log": "off", "jwt_jwks_url": provider.url}
        with open_shop(settings_of(PAGE, monkeypatch, database_url, **changes), clock) as (_, address):
            yield address


async def test_a_cart_needs_a_login_and_is_the_same_on_every_device(
    address: str, db: Database, clock: ManualClock
) -> None:
    shirt = await make_product(db, name="Shirt", on_hand=5)
    async with device(address) as laptop, device(address, "phone") as phone, device(address, "john") as john:
        assert (await laptop.cart())["items"] == []
        refused = await laptop.add(shirt, status=401)
        assert refused["error"] == "LOGIN_REQUIRED"
        assert list(laptop.http.cookies.jar) == []
        for visitor, user in ((laptop, "user_jane"), (phone, "user_jane"), (john, "user_john")):
            visitor.signed_in(session(user, clock))
        await laptop.add(shirt, 2, attributes={"size": "M"})
        cart = await phone.cart()
        assert (contents(cart), cart["owner"]) == ([("Shirt", 2)], {"kind": "user", "user_id": "user_jane"})
        item = cart["items"][0]["id"]
        stale = f'"{cart["version"]}"'
        await phone.send("PATCH", f"/cart/items/{item}", {"quantity": 3})
        refused = await laptop.send("PATCH", f"/cart/items/{item}", {"quantity": 1}, 412, If_Match=stale)
        assert refused["error"] == "CART_VERSION_MISMATCH"
        # Nobody's id is in an address: another user has another cart, and cannot name lines of hers.
        assert (await john.cart())["items"] == []
        assert (await john.send("PATCH", f"/cart/items/{item}", {"quantity": 1}, 404))["error"] == "CART_NOT_FOUND"
        # A minute later the page has fetched another token from the provider; the old one is told.
        clock.advance(timedelta(minutes=2))
        assert (await laptop.add(shirt, status=401))["error"] == "INVALID_TOKEN"
        laptop.signed_in(session("user_jane", clock))
        assert contents(await laptop.cart()) == [("Shirt", 3)]
        # And a year later: nothing of it expired.
        clock.advance(timedelta(days=365))
        await CartService(db, Settings()).expire_due()
        laptop.signed_in(session("user_jane", clock))
        assert contents(await laptop.cart()) == [("Shirt", 3)]


async def test_a_wishlist_needs_a_login_and_goes_into_the_cart(address: str, db: Database, clock: ManualClock) -> None:
    shirt, rare = await make_product(db, name="Shirt", on_hand=5), await make_product(db, name="Rare", on_hand=0)
    async with device(address) as jane, device(address, "john") as john:
        heart = {"variant_id": str(shirt)}
        assert (await jane.send("POST", "/wishlists/hearts/toggle", heart, 401))["error"] == "LOGIN_REQUIRED"
        jane.signed_in(session("user_jane", clock))
        john.signed_in(session("user_john", clock))
        for variant in (shirt, rare):
            await jane.send("POST", "/wishlists/hearts/toggle", {"variant_id": str(variant)})
        (listed,) = (await jane.send("GET", "/wishlists"))["wishlists"]
        path = f"/wishlists/{listed['id']}"
        wishes = (await jane.send("GET", path))["items"]
        assert {wish["name"]: wish["availability"]["status"] for wish in wishes} == {
            "Shirt": "in_stock",
            "Rare": "out_of_stock",
        }
        assert (await john.send("GET", path, status=404))["error"] == "WISHLIST_NOT_FOUND"
        moved = await jane.send("POST", f"{path}/cart", {"atomic": False})
        assert sorted((result["ok"], result["error"]) for result in moved["results"]) == [
            (False, "INSUFFICIENT_STOCK"),
            (True, None),
        ]
        assert contents(await jane.cart()) == [("Shirt", 1)]
        assert [wish["name"] for wish in (await jane.send("GET", path))["items"]] == ["Rare"]


async def test_a_token_for_another_application_of_the_provider_opens_nothing(
    address: str, db: Database, clock: ManualClock
) -> None:
    shirt = await make_product(db, name="Shirt", on_hand=5)
    async with device(address) as visitor:
        for other in (
            {"azp": "https://elsewhere.example.com"},
            {"azp": None},
            {"iss": "https://other.clerk.accounts.dev"},
        ):
            visitor.signed_in(session("user_jane", clock, **other))
            assert (await visitor.add(shirt, status=401))["error"] == "INVALID_TOKEN"


async def test_a_cart_promises_nothing_and_units_leave_when_it_is_paid(
    address: str, db: Database, clock: ManualClock
) -> None:
    shirt = await make_product(db, name="Shirt", on_hand=2)
    async with device(address) as jane, device(address, "john") as john, device(address, "staff") as staff:
        jane.signed_in(session("user_jane", clock))
        john.signed_in(session("user_john", clock))
        staff.signed_in("the-token-of-the-journey")
        await jane.add(shirt, 2)
        await john.add(shirt, 2)
        assert ((await figures(db, shirt)).on_hand, (await figures(db, shirt)).held) == (2, 0)

        number = await order(jane)
        assert (await figures(db, shirt)).on_hand == 2
        await staff.send("POST", f"/admin/orders/{number}/pay", {})

        assert (await figures(db, shirt)).on_hand == 0
        assert (await john.cart())["items"][0]["availability"]["status"] == "out_of_stock"
        validation = await john.send("GET", "/cart/validate")
        assert [finding["code"] for finding in validation["findings"]] == ["INSUFFICIENT_STOCK"]
        assert not validation["is_valid"]


async def order(shopper: Device) -> str:
    told = {"email": "jane@example.com", "shipping_address": ADDRESS, "payment_method": "invoice"}
    checkout = await shopper.send("POST", "/checkouts", told, 201)
    done = await shopper.send("POST", f"/checkouts/{checkout['id']}/complete", {})
    return str(done["order"]["number"])


async def to_the_page(shopper: Device) -> tuple[str, str]:
    """A checkout whose shopper stands before the payment page: its path, and what the provider calls the payment."""
    told = {"email": "jane@example.com", "shipping_address": ADDRESS, "payment_method": "test"}
    checkout = await shopper.send("POST", "/checkouts", told, 201)
    path = f"/checkouts/{checkout['id']}"
    waiting = await shopper.send("POST", f"{path}/complete", {"return_url": "https://shop.example.com/success"})
    assert (waiting["status"], waiting["order"]) == ("requires_escalation", None)
    (link,) = [link["href"] for link in waiting["links"] if link["rel"] == "payment"]
    return path, link.rpartition("/")[2]


async def test_at_the_hosted_page_the_units_leave_when_the_payment_succeeds(
    address: str, db: Database, clock: ManualClock
) -> None:
    shirt = await make_product(db, name="Shirt", on_hand=2)
    gateway = TestGateway(db, "not-a-secret", "/pay/test")
    async with device(address) as jane, device(address, "john") as john:
        jane.signed_in(session("user_jane", clock))
        john.signed_in(session("user_john", clock))
        await jane.add(shirt, 2)
        await john.add(shirt, 2)
        hers, her_payment = await to_the_page(jane)
        his, his_payment = await to_the_page(john)
        # Two stand before the page, and nothing has left.
        assert ((await figures(db, shirt)).on_hand, (await figures(db, shirt)).held) == (2, 0)

        await gateway.choose(her_payment, "pay")
        done = await jane.send("POST", f"{hers}/return", {})
        assert (done["status"], done["order"]["payment_status"]) == ("completed", "paid")
        assert ((await figures(db, shirt)).on_hand, (await figures(db, shirt)).held) == (0, 0)
        assert (await jane.cart())["items"] == []

        # He was slower: looked at once more, the goods are gone, and his money is let go of.
        await gateway.choose(his_payment, "pay")
        late = await john.send("POST", f"{his}/return", {})
        assert (late["status"], late["order"]) == ("incomplete", None)
        assert "INSUFFICIENT_STOCK" in {message["code"] for message in late["messages"]}
        payment = await gateway.page_of(his_payment)
        assert payment is not None
        assert (payment["state"], payment["captured_minor"] - payment["refunded_minor"]) == ("voided", 0)
        assert contents(await john.cart()) == [("Shirt", 2)]
    assert await faults(db) == {}


async def test_whoever_is_declined_or_leaves_the_page_keeps_the_cart_and_pays_in_another_way(
    address: str, db: Database, clock: ManualClock
) -> None:
    shirt = await make_product(db, name="Shirt", on_hand=2)
    gateway = TestGateway(db, "not-a-secret", "/pay/test")
    async with device(address) as jane:
        jane.signed_in(session("user_jane", clock))
        await jane.add(shirt)
        path, payment = await to_the_page(jane)
        await gateway.choose(payment, "decline")
        declined = await jane.send("POST", f"{path}/return", {})
        assert (declined["status"], declined["order"]) == ("ready_for_complete", None)
        assert contents(await jane.cart()) == [("Shirt", 1)]
        # The second time she turns back at the page.
        _, second = await to_the_page_again(jane, path)
        done = await jane.send("POST", f"{path}/complete", {"payment_method": "invoice"})
        assert (done["order"]["status"], done["order"]["payment_status"]) == ("pending", "pending")
        assert await gateway.choose(second, "pay") is not None
        async with db.read() as connection:
            assert await connection.fetchval("select count(*) from orders") == 1
            assert await connection.fetchval("select sum(captured_minor) from test_gateway_payment") == 0


async def to_the_page_again(shopper: Device, path: str) -> tuple[str, str]:
    waiting = await shopper.send("POST", f"{path}/complete", {})
    (link,) = [link["href"] for link in waiting["links"] if link["rel"] == "payment"]
    return path, link.rpartition("/")[2]


async def test_the_page_of_the_shop_may_ask_from_its_own_origin(address: str, db: Database) -> None:
    async with device(address) as browser:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        allowed = await browser.http.options("/cart/items", headers={"Origin": "https://shop.example.com", **asked})
        foreign = await browser.http.options(
            "/cart/items", headers={"Origin": "https://elsewhere.example.com", **asked}
        )
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert "access-control-allow-origin" not in foreign.headers
