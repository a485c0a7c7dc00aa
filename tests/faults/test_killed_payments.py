"""A server is killed between any two steps of a completion: the order that was paid is there, and was paid once.

The first server is killed at a point, the second one finds what it has left. The bank is a process of its own, which
counts. Nobody waits for a lease to run out here: it is let run out.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.kernel.clock import SystemClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.faults.halting import VARIABLE
from tests.races.test_paying import DETAILS_BY_CARD, asked_until_answered
from tests.support.bank import Bank, bank
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.database import Fresh
from tests.support.fake_stripe import signed
from tests.support.shoppers import Shopper, crowd, server_processes
from tests.support.waiting import asked_until_given

TOTAL = 2000
_CARELESS = "tests.races.careless_payments"
_QUICK = {"completion_resume_interval_s": 0.2}
NEVER = {"completion_resume_interval_s": 3600}
GOOD, _BAD = "pm_card_visa", "pm_card_chargeDeclined_declined"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Street:
    """A shop's database, its bank, and the server that stays."""

    url: str
    db: Database
    stripe: Bank
    second: Shopper


@contextlib.asynccontextmanager
async def opened(fresh: Fresh, directory: Path, **second: Any) -> AsyncIterator[Street]:
    async with fresh() as url:
        db = await Database.connect(url, Settings(database_url=url), SystemClock())
        with bank(directory) as stripe, server_processes(directory, url, 1, **{**stripe.settings, **second}) as servers:
            async with crowd(1, servers) as (shopper,):
                yield Street(url, db, stripe, shopper)
        await db.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(fresh_database: Fresh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with opened(fresh_database, tmp_path_factory.mktemp("street"), **_QUICK) as found:
        yield found


@dataclass
class Killed:
    """A checkout that the first server was killed at, and what the bank had done before."""

    street: Street
    shopper: Shopper
    checkout: str
    charged_before: int
    taken_before: int

    @property
    def money(self) -> tuple[int, int]:
        """How often she was charged since, and what she has paid."""
        told = self.street.stripe.told()
        return told["charged"] - self.charged_before, told["taken"] - self.taken_before

    async def pay(self, token: str | None, key: str) -> httpx.Response:
        body = {} if token is None else {"payment_token": token}
        return await asked_until_answered(self.shopper, f"/checkouts/{self.checkout}/complete", body, key)

    async def shown(self) -> dict[str, Any]:
        document: dict[str, Any] = (await self.shopper.send("GET", f"/checkouts/{self.checkout}")).json()
        return document

    async def let_lease_run_out(self) -> None:
        async with self.street.db.read() as connection:
            await connection.execute(
                "update payment_attempt set due_at = now() where checkout_id = $1 and due_at is not null", self.checkout
            )
            await connection.execute(
                "update refund set due_at = now() where due_at is not null"
                " and attempt_id in (select id from payment_attempt where checkout_id = $1)",
                self.checkout,
            )

    async def is_free(self) -> bool | None:
        """True once she may pay again."""
        await self.let_lease_run_out()
        return True if (await self.shown())["status"] == "ready_for_complete" else None

    async def is_left(self) -> bool:
        """Whether somebody has still to do something for it."""
        async with self.street.db.read() as connection:
            return bool(
                await connection.fetchval(
                    "select exists (select from payment_attempt"
                    # One that the bank has never heard of is looked for again for long, in case it comes late.
                    " where checkout_id = $1 and (is_open or due_at is not null and state <> 'voided'))"
                    " or exists (select from refund r join payment_attempt a on a.id = r.attempt_id"
                    " where a.checkout_id = $1 and r.state = 'pending')",
                    self.checkout,
                )
            )


@contextlib.asynccontextmanager
async def first_server(
    street: Street, directory: Path, monkeypatch: pytest.MonkeyPatch, point: str, **settings: Any
) -> AsyncIterator[tuple[Shopper, Any]]:
    """A shopper at a server that will be killed at the point, and its process."""
    monkeypatch.setenv(VARIABLE, point)
    app = "tests.faults.halting:create_app"
    with server_processes(directory, street.url, 1, app=app, **{**street.stripe.settings, **NEVER, **settings}) as (
        server,
    ):
        async with crowd(1, [server], token=new_cart_token()) as (shopper,):
            yield shopper, server.process


async def begin(street: Street, shopper: Shopper) -> Killed:
    """She has a checkout that lacks nothing, and from now on is a shopper of the second server."""
    variant = await make_product(street.db, on_hand=5, price_minor=1000)
    assert (await shopper.add(variant, 2)).status_code in {200, 201}
    begun = await shopper.send("POST", "/checkouts", DETAILS_BY_CARD)
    assert begun.status_code == 201, begun.text
    told = street.stripe.told()
    return Killed(
        street, Shopper(street.second.http, shopper.token), begun.json()["id"], told["charged"], told["taken"]
    )


async def killed(process: Any, asked: Any) -> None:
    with pytest.raises(httpx.TransportError):
        await asked
    assert process.wait(10) == -9, "it was killed, and did not end otherwise"


async def until_done(checkout: Killed, within_s: float = 60) -> None:
    """Whatever is left is found and done by the job of the second server."""

    async def is_done() -> bool | None:
        await checkout.let_lease_run_out()
        return None if await checkout.is_left() else True

    await asked_until_given(is_done, within_s)


async def is_whole(checkout: Killed, order: str) -> None:
    """One order, the one that was told, paid once; and all the books agree."""
    shown = await checkout.shown()
    assert (shown["status"], shown["order"]["number"], shown["order"]["status"]) == ("completed", order, "paid")
    assert checkout.money == (1, TOTAL)
    async with checkout.street.db.read() as connection:
        orders = await connection.fetchval("select count(*) from orders where checkout_id = $1", checkout.checkout)
        assert orders == 1
    assert await faults(checkout.street.db) == {}


_AT_ONCE = ["PaymentService.authorize before", "StripeProvider.authorize after", "PaymentService.authorize after"]
_AT_ONCE += ["Completion._place after"]
_ORDERED = [*_AT_ONCE, "StripeProvider.capture after", "PaymentService.capture after", "OrderService.book after"]
_ORDERED += ["PaymentService.finish after"]


async def pay_and_be_killed(
    street: Street, directory: Path, monkeypatch: pytest.MonkeyPatch, point: str, token: str = GOOD, **settings: Any
) -> Killed:
    async with first_server(street, directory, monkeypatch, point, **settings) as (shopper, process):
        checkout = await begin(street, shopper)
        path, body = f"/checkouts/{checkout.checkout}/complete", {"payment_token": token}
        await killed(process, shopper.send("POST", path, body, key="k"))
    return checkout


@pytest.mark.parametrize(
    "point, capture", [*((point, "at_once") for point in _AT_ONCE), *((point, "ordered") for point in _ORDERED)]
)
async def test_whatever_step_it_was_killed_at_she_has_one_order_and_paid_once(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, capture: str
) -> None:
    checkout = await pay_and_be_killed(street, tmp_path, monkeypatch, point, payment_capture=capture)

    await until_done(checkout)

    answer = await checkout.pay(GOOD, "k")
    if point == _AT_ONCE[0]:
        # Nobody was asked for money, nobody knows by which card any more: she is told so, and pays again.
        assert answer.json()["error"] == "PAYMENT_FAILED"
        assert checkout.money == (0, 0)
        answer = await checkout.pay(GOOD, "k2")
    assert answer.status_code == 200, answer.text
    await is_whole(checkout, answer.json()["order"]["number"])


@pytest.mark.parametrize("point", ["StripeProvider.authorize after", "PaymentService.authorize after"])
async def test_a_card_that_was_declined_stays_so(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    checkout = await pay_and_be_killed(street, tmp_path, monkeypatch, point, _BAD)

    await until_done(checkout)

    assert (await checkout.pay(_BAD, "k")).json()["error"] == "PAYMENT_FAILED"
    assert checkout.money == (0, 0)
    answer = await checkout.pay(GOOD, "k2")
    await is_whole(checkout, answer.json()["order"]["number"])


async def test_she_who_asks_again_at_once_need_not_wait_for_the_job(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = await pay_and_be_killed(street, tmp_path, monkeypatch, "StripeProvider.authorize after")

    await checkout.let_lease_run_out()
    answer = await checkout.pay(GOOD, "k")

    assert answer.status_code == 200, answer.text
    await is_whole(checkout, answer.json()["order"]["number"])


async def test_killed_while_she_is_sent_to_the_page_she_is_sent_there_again(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = "Completion._stored after"
    async with first_server(street, tmp_path, monkeypatch, point) as (shopper, process):
        checkout = await begin(street, shopper)
        await killed(process, shopper.send("POST", f"/checkouts/{checkout.checkout}/complete", {}, key="k"))

    waiting = (await checkout.pay(None, "k")).json()
    assert waiting["status"] == "requires_escalation"
    street.stripe.pay(waiting["links"][0]["href"].rpartition("/")[2])
    await checkout.shopper.send("POST", f"/checkouts/{checkout.checkout}/return")

    await is_whole(checkout, (await checkout.shown())["order"]["number"])


@pytest.mark.parametrize(
    "point",
    [
        "PaymentService.begin_notice after",
        "StripeProvider.look_up after",
        "PaymentService.look_up after",
        "Completion._place after",
        "PaymentService.end_notice before",
    ],
)
async def test_a_webhook_that_it_was_killed_at_is_told_again_and_counts_once(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    async with first_server(street, tmp_path, monkeypatch, point) as (shopper, process):
        checkout = await begin(street, shopper)
        waiting = (await checkout.pay(None, "k")).json()
        name = waiting["links"][0]["href"].rpartition("/")[2]
        street.stripe.pay(name)
        session = next(one for one in street.stripe.told()["sessions"] if one["id"] == name)
        event = {"id": f"evt_{name}", "object": "event", "type": "checkout.session.completed"}
        headers, body = signed({**event, "data": {"object": session}})
        where = "/api/v1/payments/stripe/webhook"
        await killed(process, shopper.http.post(where, content=body, headers=headers))

    for _ in range(2):
        assert (await checkout.shopper.http.post(where, content=body, headers=headers)).status_code == 204

    await is_whole(checkout, (await checkout.shown())["order"]["number"])


async def test_without_the_job_nobody_finishes_it(
    fresh_database: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same death, and no job: she was charged, and has no order."""
    (tmp_path / "first").mkdir()
    async with opened(fresh_database, tmp_path, **NEVER) as street:
        point = "StripeProvider.authorize after"
        checkout = await pay_and_be_killed(street, tmp_path / "first", monkeypatch, point)
        with pytest.raises(TimeoutError):
            await until_done(checkout, within_s=2)
        assert checkout.money == (1, TOTAL)
        assert (await checkout.shown())["order"] is None


async def test_without_looking_it_up_she_pays_twice(
    fresh_database: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other control: who takes over does not ask the bank, and tells her that nothing was charged."""
    (tmp_path / "first").mkdir()
    app = f"{_CARELESS}:without_look_up"
    async with opened(fresh_database, tmp_path, app=app, **_QUICK) as street:
        point = "StripeProvider.authorize after"
        checkout = await pay_and_be_killed(street, tmp_path / "first", monkeypatch, point)
        await asked_until_given(checkout.is_free)
        await checkout.pay(GOOD, "k2")
        assert checkout.money[0] == 2
