"""A server is killed between any two steps of paying what an order has due: it is paid, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.faults.test_killed_payments import GOOD, TOTAL, Street, first_server, killed, opened
from tests.races.test_paying import asked_until_answered
from tests.races.test_paying_due import ordered
from tests.support.books import faults
from tests.support.database import Fresh
from tests.support.shoppers import Shopper
from tests.support.waiting import asked_until_given

pytestmark = pytest.mark.asyncio(loop_scope="module")

_POINTS = ["OrderPaying.begin after", "StripeProvider.authorize after", "PaymentService.authorize after"]
_POINTS += ["OrderPaying.book before", "OrderPaying.book after"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(fresh_database: Fresh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with opened(fresh_database, tmp_path_factory.mktemp("street"), completion_resume_interval_s=0.2) as found:
        yield found


async def until_nothing_is_open(street: Street) -> None:
    """Whatever is left is found and done by the job of the second server; no lease is waited for."""

    async def is_done() -> bool | None:
        async with street.db.read() as connection:
            await connection.execute("update payment_attempt set due_at = now() where is_open")
            is_left = await connection.fetchval("select exists (select from payment_attempt where is_open)")
        return None if is_left else True

    await asked_until_given(is_done, 60)


@pytest.mark.parametrize("point", _POINTS)
async def test_whatever_step_it_was_killed_at_it_is_paid_once(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = street.stripe.told()
    async with first_server(street, tmp_path, monkeypatch, point) as (first, process):
        path = f"/orders/{await ordered(street.db, first)}/payments"
        await killed(process, first.send("POST", path, {"payment_token": GOOD}, key="k"))
    shopper = Shopper(street.second.http, first.token)

    await until_nothing_is_open(street)
    answer: httpx.Response = await asked_until_answered(shopper, path, {"payment_token": GOOD}, "k")

    if point == _POINTS[0]:
        # Nobody was asked for money: she is told so, and pays again.
        assert answer.json()["error"] == "PAYMENT_FAILED"
        answer = await asked_until_answered(shopper, path, {"payment_token": GOOD}, "k2")
    assert answer.status_code == 201, answer.text
    assert (answer.json()["payment"]["status"], answer.json()["order"]["payment_status"]) == ("paid", "paid")
    told = street.stripe.told()
    assert (told["charged"] - before["charged"], told["taken"] - before["taken"]) == (1, TOTAL)
    assert await faults(street.db) == {}
