"""Two tabs, a double click, a client that asks again, a webhook beside the way back: one order, and one charge.

Two server processes, one PostgreSQL, and a bank in a process of its own, which counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from tests.support.bank import Bank, bank
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.door import PATIENT, closed_door, with_door
from tests.support.fake_stripe import signed
from tests.support.shop import DETAILS, count
from tests.support.shoppers import Shopper, crowd, server_processes, together
from tests.support.waiting import asked_until_given

_CARELESS = "tests.races.careless_payments"
_TOTAL = 2000
_AT_ONCE = 6
DETAILS_BY_CARD = {**DETAILS.model_dump(exclude_unset=True, mode="json"), "payment_method": "stripe"}


@dataclass
class Tabs:
    """One shopper's tabs, every other one at another server, over a checkout that lacks nothing."""

    stripe: Bank
    tabs: list[Shopper]
    checkout: str

    def complete(self, tab: int, key: str, **asked: Any) -> Any:
        return asked_until_answered(self.tabs[tab], f"/checkouts/{self.checkout}/complete", asked, key)

    async def shown(self) -> dict[str, Any]:
        document: dict[str, Any] = (await self.tabs[0].send("GET", f"/checkouts/{self.checkout}")).json()
        return document


async def asked_until_answered(tab: Shopper, path: str, body: Any, key: str | None = None) -> httpx.Response:
    """The definite answer: a client asks again, under its key, as long as it is told that it is under way."""

    async def ask() -> httpx.Response | None:
        answer = await tab.send("POST", path, body, key=key)
        is_definite = answer.status_code < 500 and answer.json().get("error") != "IDEMPOTENCY_IN_FLIGHT"
        return answer if is_definite else None

    return await asked_until_given(ask)


@contextlib.asynccontextmanager
async def opened(
    db: Database, url: str, directory: Path, app: str | None = None, **settings: Any
) -> AsyncIterator[Tabs]:
    variant = await make_product(db, on_hand=5, price_minor=1000)
    with bank(directory) as stripe, server_processes(directory, url, app=app, **{**stripe.settings, **settings}) as two:
        async with crowd(_AT_ONCE, two, token=new_cart_token()) as tabs:
            assert (await tabs[0].add(variant, 2)).status_code in {200, 201}
            begun = await tabs[0].send("POST", "/checkouts", DETAILS_BY_CARD)
            assert begun.status_code == 201, begun.text
            yield Tabs(stripe, tabs, begun.json()["id"])


async def pay_at_once(shop: Tabs, keys: list[str]) -> tuple[list[httpx.Response], dict[str, Any]]:
    """The body: as many as there are keys pay by card, at once; and what the bank says afterwards."""
    # So slow that all of them are there before the first one is answered.
    shop.stripe.order(slow_s=0.5)
    answers = await together(shop.complete(tab, key, payment_token="pm_card_visa") for tab, key in enumerate(keys))
    return answers, shop.stripe.told()


@pytest.mark.parametrize("capture", ["at_once", "ordered"])
@pytest.mark.parametrize(
    "keys",
    [[f"tab-{n}" for n in range(_AT_ONCE)], ["the-same"] * _AT_ONCE],
    ids=["several tabs", "a double click, and a client that asks again"],
)
async def test_whoever_pays_how_often_at_once_pays_one_order_once(
    db: Database, database_url: str, tmp_path: Path, keys: list[str], capture: str
) -> None:
    async with opened(db, database_url, tmp_path, payment_capture=capture) as shop:
        answers, told = await pay_at_once(shop, keys)
        shown = await shop.shown()

    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert {answer.json()["order"]["number"] for answer in answers} == {shown["order"]["number"]}
    assert (told["charged"], told["taken"]) == (1, _TOTAL)
    assert await count(db, "orders") == await count(db, "payment_attempt") == 1
    assert await faults(db) == {}


async def test_without_the_claim_several_are_charged(db: Database, database_url: str, tmp_path: Path) -> None:
    """The negative control: the same body, where nobody looks whether somebody else is paying, nor is stopped by it."""
    async with db.read() as connection:
        await connection.execute("drop index payment_one_open_per_checkout")
    async with opened(db, database_url, tmp_path, app=f"{_CARELESS}:without_claim") as shop:
        shop.stripe.order(slow_s=0.5)
        asked = [
            shop.tabs[n].send("POST", f"/checkouts/{shop.checkout}/complete", {"payment_token": "pm_card_visa"})
            for n in range(_AT_ONCE)
        ]
        await together(asked)
        told = shop.stripe.told()

    assert told["charged"] > 1


async def pay_without_an_answer(shop: Tabs) -> dict[str, Any]:
    """The body: the bank has taken the money, but its answer is lost, so that it is asked once more."""
    shop.stripe.order(faults=["timeout after"])
    answer = await shop.complete(0, "k", payment_token="pm_card_visa")
    assert answer.status_code == 200, answer.text
    return shop.stripe.told()


async def test_a_bank_that_is_asked_again_charges_once(db: Database, database_url: str, tmp_path: Path) -> None:
    async with opened(db, database_url, tmp_path, payment_timeout_s=0.4) as shop:
        told = await pay_without_an_answer(shop)

    assert told["asked"].count("POST payment_intents") == 2
    assert (told["charged"], told["taken"]) == (1, _TOTAL)
    assert await faults(db) == {}


async def test_without_the_key_it_charges_twice(db: Database, database_url: str, tmp_path: Path) -> None:
    """The negative control."""
    async with opened(db, database_url, tmp_path, app=f"{_CARELESS}:without_key", payment_timeout_s=0.4) as shop:
        told = await pay_without_an_answer(shop)

    assert told["charged"] == 2


async def pay_on_page_and_tell(shop: Tabs) -> list[httpx.Response]:
    """The body: she has paid at the bank's page, which sends her back, and tells the shop twice at the same moment."""
    waiting = await shop.complete(0, "k")
    assert waiting.json()["status"] == "requires_escalation", waiting.text
    (session,) = shop.stripe.told()["sessions"]
    shop.stripe.pay(session["id"])
    shop.stripe.order(slow_s=0.3)
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": session}}
    headers, body = signed(event)

    async def tell(tab: Shopper) -> httpx.Response:
        return await tab.http.post("/api/v1/payments/stripe/webhook", content=body, headers=headers)

    back = f"/checkouts/{shop.checkout}/return"
    return await together([*(tell(tab) for tab in shop.tabs[:2]), *(tab.send("POST", back) for tab in shop.tabs[2:4])])


@pytest.mark.parametrize("capture", ["at_once", "ordered"])
async def test_webhooks_beside_the_way_back_make_one_order(
    db: Database, database_url: str, tmp_path: Path, capture: str
) -> None:
    async with opened(db, database_url, tmp_path, payment_capture=capture) as shop:
        answers = await pay_on_page_and_tell(shop)
        shown, told = await shop.shown(), shop.stripe.told()

    assert [answer.status_code for answer in answers] == [204, 204, 200, 200], [answer.text for answer in answers]
    assert shown["status"] == "completed"
    assert shown["order"]["status"] == "paid"
    assert (told["charged"], told["taken"]) == (1, _TOTAL)
    assert await count(db, "orders") == 1
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from event where type = 'order.placed'") == 1
    assert await faults(db) == {}


async def test_without_locks_and_constraints_they_make_several(db: Database, database_url: str, tmp_path: Path) -> None:
    """The negative control: the same body, with nothing that keeps two from placing the order of one payment."""
    await take_guards_away(db)
    await with_door(db, "checkout_place")
    async with opened(db, database_url, tmp_path, **PATIENT) as shop, closed_door(database_url) as door:
        racing = asyncio.create_task(pay_on_page_and_tell(shop))
        await door.crowded(2)
        await door.open()
        await racing

    assert await count(db, "orders") > 1


async def take_guards_away(db: Database) -> None:
    async with db.read() as connection:
        await connection.execute("alter table orders drop constraint orders_one_per_checkout")
        await connection.execute("alter table event drop constraint event_pkey")
        weaker = {
            "checkout_lock": [(" for update", ""), ("if p_locks_stock then", "if false then")],
            "checkout_place": [("if cardinality(p_variants) > 0 then", "if false then")],
            "payment_place": [(" and is_open and state", " and state")],
        }
        for name, changes in weaker.items():
            source = await connection.fetchval("select pg_get_functiondef(oid) from pg_proc where proname = $1", name)
            for guard, nothing in changes:
                assert guard in source, f"{name} has no {guard}: this control controls nothing"
                source = source.replace(guard, nothing)
            await connection.execute(source)
