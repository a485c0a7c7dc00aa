"""Several tabs, and a double click, that pay what an order has due: one charge, which each of them is told of.

Two server processes, one PostgreSQL, and a bank in a process of its own, which counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from tests.races.test_paying import DETAILS_BY_CARD, asked_until_answered
from tests.support.bank import Bank, bank
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shoppers import Shopper, crowd, server_processes, together

_TOTAL = 2000
_AT_ONCE = 4


async def ordered(db: Database, shopper: Shopper) -> str:
    """The number of an order by invoice, of two units at 1000, all of which is due."""
    variant = await make_product(db, on_hand=5, price_minor=1000)
    assert (await shopper.add(variant, 2)).status_code in {200, 201}
    begun = await shopper.send("POST", "/checkouts", {**DETAILS_BY_CARD, "payment_method": "invoice"})
    done = await shopper.send("POST", f"/checkouts/{begun.json()['id']}/complete", {})
    assert done.status_code == 200, done.text
    return str(done.json()["order"]["number"])


@dataclass
class Due:
    """An order that is due, and its shopper's tabs."""

    stripe: Bank
    tabs: list[Shopper]
    number: str

    async def pay_at_once(self, keys: list[str]) -> tuple[list[httpx.Response], dict[str, Any]]:
        """The body: as many as there are keys pay by card, at once; and what the bank says afterwards."""
        # So slow that all of them are there before the first one is answered.
        self.stripe.order(slow_s=0.5)
        path, body = f"/orders/{self.number}/payments", {"payment_token": "pm_card_visa"}
        asked = (asked_until_answered(self.tabs[n], path, body, key) for n, key in enumerate(keys))
        return await together(asked), self.stripe.told()


@contextlib.asynccontextmanager
async def opened(db: Database, url: str, directory: Path, app: str | None = None) -> AsyncIterator[Due]:
    with bank(directory) as stripe, server_processes(directory, url, 2, app=app, **stripe.settings) as two:
        async with crowd(_AT_ONCE, two, token=new_cart_token()) as tabs:
            yield Due(stripe, tabs, await ordered(db, tabs[0]))


@pytest.mark.parametrize(
    "keys", [[f"tab-{n}" for n in range(_AT_ONCE)], ["the-same"] * _AT_ONCE], ids=["tabs", "clicks"]
)
async def test_whoever_pays_how_often_at_once_pays_once(
    db: Database, database_url: str, tmp_path: Path, keys: list[str]
) -> None:
    async with opened(db, database_url, tmp_path) as due:
        answers, told = await due.pay_at_once(keys)
        order = (await due.tabs[1].send("GET", f"/orders/{due.number}")).json()

    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.json()["payment"]["id"] for answer in answers}) == 1
    assert (told["charged"], told["taken"]) == (1, _TOTAL)
    assert (order["payment_status"], order["amount_paid"]["amount"], order["balance"]["amount"]) == ("paid", _TOTAL, 0)
    assert await faults(db) == {}


async def test_without_looking_for_each_other_several_are_charged(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    """The negative control: the same body, where nobody looks whether somebody else is paying, nor is stopped by it."""
    async with db.read() as connection:
        await connection.execute("drop index payment_one_open_per_order")
    async with opened(db, database_url, tmp_path, "tests.races.careless_payments:without_looking") as due:
        _, told = await due.pay_at_once([f"tab-{n}" for n in range(_AT_ONCE)])

    assert told["charged"] > 1
