"""Figures of baskets that nobody keeps: as a cart of the same goods has them, and with what providers say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from pannier.app import create_app
from pannier.cart import CartService
from pannier.cart.stateless_schemas import (
    BasketQuote,
    BasketShipping,
    BasketShippingOptions,
    BasketTax,
    CouponCheck,
)
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricebook import open_house
from tests.support.buyers import Buyer, of
from tests.support.catalogue import make_product
from tests.support.outsider import Outsider, outsider

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}
NEW_YORK = {"country": "US", "region": "NY"}


@pytest.fixture(scope="module")
def theirs() -> Iterator[Outsider]:
    with outsider() as service:
        yield service


class Counter:
    """Somebody who asks what things cost."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ask(self, what: str, *items: tuple[Any, int], **more: Any) -> httpx.Response:
        wanted = [{"variant_id": str(variant), "quantity": quantity} for variant, quantity in items]
        return await self.client.post(f"/pricing/{what}", json={"items": wanted, **more})

    async def staff(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(f"/admin/{path}", json=body, headers=STAFF)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def house(self) -> None:
        """New York has two taxes; standard shipping is 4.99, free above 100.00, express 15.00 up to 2 kg."""
        await self.staff("zones", {"name": "US-NY", "areas": [NEW_YORK]})
        for code, percent in (("state", 4), ("city", 4.5)):
            await self.staff("tax-rates", {"code": code, "category": "standard", "zone": "US-NY", "percent": percent})
        standard = {"kind": "flat", "amount": 499, "free_from": 10000, "free_op": "gt"}
        await self.staff("shipping-methods", {"code": "standard", "name": "Standard", "definition": standard})
        express = {"kind": "flat", "amount": 1500, "zones": ["US-NY"]}
        await self.staff(
            "shipping-methods", {"code": "express", "name": "Express", "definition": express, "position": 1}
        )


@asynccontextmanager
async def counter_of(settings: Settings, clock: ManualClock, **changes: Any) -> AsyncIterator[Counter]:
    app = create_app(settings.model_copy(update=changes), clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1") as http:
            yield Counter(http)


@pytest_asyncio.fixture
async def counter(settings: Settings, clock: ManualClock) -> AsyncIterator[Counter]:
    async with counter_of(settings, clock) as found:
        await found.house()
        yield found


async def test_a_basket_costs_what_a_cart_of_the_same_goods_does(counter: Counter, db: Database) -> None:
    stool, mug = await make_product(db, price_minor=1999), await make_product(db, price_minor=333, compare_at_minor=500)
    answer = await counter.ask("quote", (stool, 2), (mug, 3), destination=NEW_YORK, shipping_method="express")
    assert answer.status_code == 200, answer.text
    BasketQuote.model_validate_json(answer.content)
    quoted = answer.json()

    cart = counter.client
    cart.headers["Authorization"] = f"Bearer {new_cart_token()}"
    for variant, quantity in ((stool, 2), (mug, 3)):
        (await cart.post("/cart/items", json={"variant_id": str(variant), "quantity": quantity})).raise_for_status()
    (await cart.put("/cart/destination", json=NEW_YORK)).raise_for_status()
    kept = (await cart.put("/cart/shipping-method", json={"method": "express"})).raise_for_status().json()

    for name in ("subtotal", "discount", "shipping", "tax", "total"):
        assert quoted["totals"][name] == kept["totals"][name], name
    assert [line["variant_id"] for line in quoted["items"]] == [str(stool), str(mug)]
    # 4997 × 4 % = 199.88, by line 160 + 40; × 4.5 %: 180 + 45.
    parts = {tax["percent"]: (tax["base_minor"], tax["amount_minor"]) for tax in quoted["taxes"]}
    assert parts == {4: (4997, 200), 4.5: (4997, 225)}
    assert quoted["totals"]["total"]["amount"] == 4997 + 1500 + 425


async def test_taxes_shipping_and_options_are_told_by_themselves(counter: Counter, db: Database) -> None:
    stool = await make_product(db, price_minor=2500)
    tax = (await counter.ask("tax", (stool, 4), destination=NEW_YORK)).json()
    BasketTax.model_validate(tax)
    assert (tax["tax"]["amount"], tax["tax_added"]["amount"], tax["tax_included"]["amount"]) == (850, 850, 0)
    assert (await counter.ask("tax", (stool, 4))).json()["tax"]["amount"] == 0

    options = (await counter.ask("shipping-options", (stool, 4), destination={"country": "US"})).json()
    BasketShippingOptions.model_validate(options)
    assert [(one["method"], one["cost"]["amount"], one["reason"]) for one in options["options"]] == [
        ("standard", 499, None), ("express", 0, "not to this zone"),
    ]  # fmt: skip
    # Exactly 100.00 still pays.
    free = (await counter.ask("shipping", (stool, 5), shipping_method="standard")).json()
    BasketShipping.model_validate(free)
    assert free["shipping"]["cost"]["amount"] == 0
    paid = (await counter.ask("shipping", (stool, 4), shipping_method="standard")).json()
    assert paid["shipping"]["cost"]["amount"] == 499
    for method in ("express", "mule"):
        refused = await counter.ask("shipping", (stool, 4), shipping_method=method)
        assert (refused.status_code, refused.json()["error"]) == (409, "SHIPPING_NOT_AVAILABLE")
        assert refused.json()["details"]["available"] == ["standard"]
    digital = await make_product(db, requires_shipping=False)
    assert (await counter.ask("shipping", (digital, 1))).json() == {"needs_shipping": False, "shipping": None}


async def test_a_code_is_checked_without_being_used(counter: Counter, db: Database) -> None:
    stool = await make_product(db, price_minor=1000)
    async with db.read() as connection:
        await connection.execute(
            "insert into promotion (id, name, definition, needs_code, is_active, created_at, updated_at) values"
            " ('01977d3e-8f00-7000-8000-0000000000aa', 'Ten off',"
            """ '{"actions": [{"type": "order_percent", "percent": 10}],"""
            """   "conditions": [{"type": "min_subtotal", "amount": 2000}]}',"""
            " true, true, now(), now());"
            "insert into coupon (id, promotion_id, code, code_folded, created_at, updated_at) values"
            " ('01977d3e-8f00-7000-8000-0000000000bb', '01977d3e-8f00-7000-8000-0000000000aa', 'TEN', 'ten',"
            " now(), now());"
            "select price_book_touch()"
        )
    good = (await counter.ask("coupon-check", (stool, 2), code="TEN")).json()
    CouponCheck.model_validate(good)
    assert (good["is_accepted"], good["discount"]["amount"]) == (True, 200)
    small = (await counter.ask("coupon-check", (stool, 1), code="TEN")).json()
    assert (small["is_accepted"], small["reason"], small["discount"]["amount"]) == (False, "not_applicable", 0)
    assert (await counter.ask("coupon-check", (stool, 2), code="NINE")).json()["reason"] == "unknown"
    quoted = (await counter.ask("quote", (stool, 2), codes=["TEN", "TEN", "NINE"])).json()
    assert [(one["code"], one["reason"]) for one in quoted["codes"]] == [
        ("TEN", None), ("TEN", "already_applied"), ("NINE", "unknown"),
    ]  # fmt: skip
    assert quoted["totals"]["discount"]["amount"] == 200
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from coupon_use") == 0
        assert await connection.fetchval("select count(*) from cart") == 0


async def test_what_cannot_be_bought_is_told_by_its_place(counter: Counter, db: Database) -> None:
    stool = await make_product(db)
    draft = await make_product(db, status="draft")
    unknown = await counter.ask("quote", (stool, 1), ("01977d3e-8f00-7000-8000-000000000001", 1))
    assert (unknown.status_code, unknown.json()["field"]) == (422, "items.1.variant_id")
    gone = await counter.ask("quote", (stool, 1), (draft, 1))
    assert (gone.status_code, gone.json()["error"], gone.json()["field"]) == (
        409, "PRODUCT_UNAVAILABLE", "items.1.variant_id",
    )  # fmt: skip
    many = await counter.ask("quote", *[(stool, 1)] * 201)
    assert (many.status_code, many.json()["field"]) == (422, "items")
    dear = await make_product(db, price_minor=10**15)
    assert (await counter.ask("quote", (dear, 2))).json()["error"] == "AMOUNT_TOO_LARGE"


async def test_they_are_counted_like_searches(settings: Settings, clock: ManualClock, db: Database) -> None:
    stool = await make_product(db)
    async with counter_of(settings, clock, rate_limit_search="2/minute", rate_limit_address_factor=1) as counter:
        statuses = [(await counter.ask("quote", (stool, 1))).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_taxes_are_those_of_the_provider(
    settings: Settings, clock: ManualClock, db: Database, theirs: Outsider
) -> None:
    stool = await make_product(db, price_minor=2500)
    theirs.plan({"status": 503}, {"echo_lines": 10})
    async with counter_of(settings, clock, tax_provider_url=theirs.url, tax_provider_token=SecretStr("key")) as counter:
        await counter.house()
        quoted = (await counter.ask("quote", (stool, 2), destination=NEW_YORK, shipping_method="standard")).json()
    BasketQuote.model_validate(quoted)
    totals = {name: money["amount"] for name, money in quoted["totals"].items()}
    assert totals == {"subtotal": 5000, "discount": 0, "shipping": 499, "tax": 549, "tax_added": 549, "total": 6048}
    assert [(tax["rate_id"], tax["amount_minor"]) for tax in quoted["taxes"]] == [("theirs", 500), ("theirs", 49)]
    assert quoted["messages"][-1]["code"] == "TAX_BY_PROVIDER"
    asked = theirs.requests()
    assert [request["authorization"] for request in asked] == ["Bearer key"] * 2
    assert asked[1]["body"]["lines"][0]["amount"] == 5000
    assert asked[1]["body"]["destination"] == NEW_YORK


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"json": {"lines": []}},
        {"json": {"lines": [{"id": "x", "taxes": []}]}},
        {"text": "[]"},
        {"hang": True},
    ],
    ids=str,
)
async def test_without_an_answer_the_shops_own_rates_count_and_it_is_told(
    settings: Settings, clock: ManualClock, db: Database, theirs: Outsider, answer: dict[str, Any]
) -> None:
    stool = await make_product(db, price_minor=2500)
    theirs.plan(answer)
    changes = {
        "tax_provider_url": theirs.url,
        "provider_attempts_max": 1,
        "provider_timeout_s": 0.5 if "hang" in answer else 30.0,
    }
    async with counter_of(settings, clock, **changes) as counter:
        await counter.house()
        quoted = (await counter.ask("quote", (stool, 2), destination=NEW_YORK)).json()
    assert quoted["totals"]["tax"]["amount"] == 425
    assert quoted["messages"][-1]["code"] == "TAX_PROVIDER_UNAVAILABLE"


async def test_prices_are_those_of_the_provider_where_it_names_them(
    settings: Settings, clock: ManualClock, db: Database, theirs: Outsider
) -> None:
    stool, mug = await make_product(db, price_minor=2500, sku="STOOL"), await make_product(db, price_minor=100)
    named = [{"variant_id": str(stool), "amount": 2000}]
    theirs.plan({"json": {"prices": named}}, {"json": {"prices": [{"amount": -1}]}})
    async with counter_of(settings, clock, price_provider_url=theirs.url) as counter:
        first = (await counter.ask("quote", (stool, 1), (mug, 1))).json()
        second = (await counter.ask("quote", (stool, 1), (mug, 1))).json()
    assert [line["unit_price"]["amount"] for line in first["items"]] == [2000, 100]
    assert [line["unit_price"]["amount"] for line in second["items"]] == [2500, 100]
    assert "PRICE_PROVIDER_UNAVAILABLE" not in [message["code"] for message in first["messages"]]
    assert second["messages"][0]["code"] == "PRICE_PROVIDER_UNAVAILABLE"
    assert theirs.requests()[0]["body"]["items"][0] == {
        "variant_id": str(stool), "sku": "STOOL", "quantity": 1, "amount": 2500,
    }  # fmt: skip


async def test_a_customer_of_a_group_has_the_groups_price_in_carts_too(
    counter: Counter, db: Database, settings: Settings
) -> None:
    stool = await make_product(db, price_minor=1000)
    trade = await counter.staff("price-lists", {"code": "trade", "name": "Trade", "customer_group": "trade"})
    await counter.client.put(
        f"/admin/price-lists/{trade['id']}/prices",
        json={"prices": [{"variant_id": str(stool), "amount": 600}]},
        headers=STAFF,
    )
    async with db.read() as connection:
        await connection.execute(
            "insert into customer_profile (user_id, groups, created_at, updated_at)"
            " values ('jane', '{trade}', now(), now())"
        )
    carts = CartService(db, settings, open_house(db, settings))
    jane, john = Buyer(carts, user_id="jane"), Buyer(carts, user_id="john")
    assert [of(await one.add(stool), stool).unit_price.amount for one in (jane, john)] == [600, 1000]
    assert of(await jane.cart(), stool).unit_price.amount == 600
