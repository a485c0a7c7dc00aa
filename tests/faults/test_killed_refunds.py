"""A server is killed between any two steps of giving money back: it is given back, and once.

The server that stays has no job, so that nobody is quicker than the one that dies. Its work is taken up afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pannier.checkout import CheckoutService
from pannier.platform.settings import Settings
from tests.faults.test_killed_payments import (
    GOOD,
    NEVER,
    TOTAL,
    Killed,
    Street,
    begin,
    first_server,
    killed,
    opened,
    until_done,
)
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.database import Fresh
from tests.support.shoppers import Shopper

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lane(fresh_database: Fresh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with opened(fresh_database, tmp_path_factory.mktemp("lane"), **NEVER) as found:
        yield found


async def take_up(checkout: Killed) -> None:
    """What the job does of another server, which is started after the death."""
    street = checkout.street
    asked = {**street.stripe.settings, "payment_methods": ("stripe", "invoice")}
    checkouts = CheckoutService(street.db, Settings.model_validate({"database_url": street.url, **asked}))
    try:
        for _ in range(3):
            await checkout.let_lease_run_out()
            await checkouts.completion.resume()
    finally:
        await checkouts.payments.providers.close()
    assert not await checkout.is_left()


_GIVING_BACK = ["PaymentService.give_back before", "PaymentService._carry_out before"]
_GIVING_BACK += ["StripeProvider.refund before", "StripeProvider.refund after", "PaymentService._carry_out after"]
_LETTING_GO = ["PaymentService.void before", "StripeProvider.void before", "StripeProvider.void after"]
_LETTING_GO += ["PaymentService.void after"]


async def pay_for_something_else_and_be_killed(
    street: Street, directory: Path, monkeypatch: pytest.MonkeyPatch, point: str, capture: str
) -> Killed:
    """She has paid on the page, and put something into her cart meanwhile: her money goes back."""
    async with first_server(street, directory, monkeypatch, point, payment_capture=capture) as (shopper, process):
        checkout = await begin(street, shopper)
        path = f"/checkouts/{checkout.checkout}"
        waiting = (await shopper.send("POST", f"{path}/complete", {}, key="k")).json()
        assert (await shopper.add(await make_product(street.db, on_hand=5, price_minor=500), 1)).status_code < 300
        street.stripe.pay(waiting["links"][0]["href"].rpartition("/")[2])
        await killed(process, shopper.send("POST", f"{path}/return"))
    return checkout


@pytest.mark.parametrize(
    "point, capture", [*((point, "at_once") for point in _GIVING_BACK), *((point, "ordered") for point in _LETTING_GO)]
)
async def test_whatever_step_of_giving_it_back_it_was_killed_at_she_has_it_back_once(
    lane: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, capture: str
) -> None:
    before = lane.stripe.told()
    checkout = await pay_for_something_else_and_be_killed(lane, tmp_path, monkeypatch, point, capture)

    await take_up(checkout)

    after = lane.stripe.told()
    is_taken = int(capture == "at_once")
    assert checkout.money == (is_taken, 0)
    assert after["refunds"] - before["refunds"] == is_taken
    assert after["held"] == 0
    shown = await checkout.shown()
    assert (shown["status"], shown["order"]) == ("ready_for_complete", None)
    assert [message["code"] for message in shown["messages"] if message["type"] == "error"] == ["TOTAL_CHANGED"]
    assert await faults(lane.db) == {}


@pytest.mark.parametrize("point", _GIVING_BACK[1:])
async def test_a_refund_that_it_was_killed_at_is_made_once(
    lane: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = lane.stripe.told()["refunds"]
    token = "staff-of-this-test"
    async with first_server(lane, tmp_path, monkeypatch, point, admin_token=token) as (shopper, process):
        checkout = await begin(lane, shopper)
        answer = await shopper.send(
            "POST", f"/checkouts/{checkout.checkout}/complete", {"payment_token": GOOD}, key="k"
        )
        staff = Shopper(shopper.http, token)
        path = f"/admin/orders/{answer.json()['order']['number']}/refunds"
        await killed(process, staff.send("POST", path, {"amount": 500}, key=f"refund-{checkout.checkout}"))

    await take_up(checkout)

    assert checkout.money == (1, TOTAL - 500)
    assert lane.stripe.told()["refunds"] - before == 1
    assert await faults(lane.db) == {}


async def test_without_the_job_nobody_gives_it_back(
    lane: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same death, and no job: she has neither order nor money."""
    point = "StripeProvider.refund before"
    checkout = await pay_for_something_else_and_be_killed(lane, tmp_path, monkeypatch, point, "at_once")
    with pytest.raises(TimeoutError):
        await until_done(checkout, within_s=2)
    assert checkout.money == (1, TOTAL)
    assert (await checkout.shown())["order"] is None
