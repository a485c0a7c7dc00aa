"""Paying what an order has due: exactly that, once, whoever asks how often."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from pannier.checkout.dues import DueService
from pannier.checkout.errors import PaymentMethodUnavailableError, TotalChangedError
from pannier.checkout.revising import Edit
from pannier.inventory import InsufficientStockError
from pannier.kernel.clock import ManualClock
from pannier.orders import (
    NothingDueError,
    OrderClosedError,
    OrderNotFoundError,
    balance_of,
)
from pannier.payments import PaymentFailedError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.owing import Owing, owing, pay_on_page
from tests.checkout.test_payment import charged, payments_of, ready, shop_of
from tests.support.books import faults
from tests.support.shop import STAFF, guest


@pytest.mark.parametrize(
    "card", ["tok_succeeds", "tok_timeout_before", "tok_timeout_after", "tok_twice", "tok_webhook_first"]
)
@pytest.mark.parametrize("capture", ["at_once", "ordered"])
async def test_what_is_due_is_paid_once_whatever_happens_on_the_way(
    db: Database, settings: Settings, card: str, capture: str
) -> None:
    order = await owing(db, settings, payment_capture=capture)
    offered = await order.offer()
    assert (offered["amount"]["amount"], offered["payment_methods"]) == (700, ["test"])
    assert await order.money() == ("pending", 2000, 0, 2000)

    done = await order.pay(card, "k", expected_amount=700)

    assert (done["payment"]["status"], done["payment"]["amount"]["amount"]) == ("paid", 700)
    assert (done["order"]["payment_status"], done["order"]["balance"]["amount"]) == ("paid", 0)
    assert await order.money() == ("paid", 2700, 0, 2700)
    assert await order.pay(card, "k", expected_amount=700) == done
    with pytest.raises(NothingDueError):
        await order.pay(card, "another")
    assert (await order.offer())["payment_methods"] == []
    assert len(await payments_of(db)) == 2
    assert await faults(db) == {}


async def test_an_order_by_invoice_is_paid_by_card_and_its_promises_are_over(db: Database, settings: Settings) -> None:
    order = await owing(db, settings, method="invoice")

    await order.pay()

    assert await order.money() == ("paid", 2700, 0, 2700)
    assert [(row["state"], row["is_open"]) for row in await payments_of(db)] == [
        ("voided", False),
        ("voided", False),
        ("captured", False),
    ]
    assert await faults(db) == {}


async def test_a_declined_card_leaves_it_due_and_another_one_pays(db: Database, settings: Settings) -> None:
    order = await owing(db, settings)
    for _ in range(2):
        with pytest.raises(PaymentFailedError) as refused:
            await order.pay("tok_declines", "first")
        assert refused.value.details == {"reason": "card_declined"}
    assert await order.money() == ("pending", 2000, 0, 2000)
    assert len(await payments_of(db)) == 2
    assert await faults(db) == {}

    await order.pay("tok_succeeds", "second")

    assert await order.money() == ("paid", 2700, 0, 2700)
    assert await faults(db) == {}


async def test_it_is_refused_before_anybody_is_charged(db: Database, settings: Settings) -> None:
    order = await owing(db, settings)
    with pytest.raises(TotalChangedError) as changed:
        await order.pay(expected_amount=600)
    assert changed.value.details["total"] == {"amount": 700, "currency": "USD"}
    with pytest.raises(PaymentMethodUnavailableError) as unavailable:
        await order.pay(payment_method="invoice")
    assert unavailable.value.details == {"available": ["test"]}
    with pytest.raises(OrderNotFoundError):
        await order.dues.pay(guest(), order.number, payment_token="tok_succeeds")
    with pytest.raises(OrderNotFoundError):
        await order.dues.offer(guest(), order.number)
    await order.shop.orders.cancel(STAFF, order.number)
    with pytest.raises(OrderClosedError):
        await order.pay()
    assert len(await payments_of(db)) == 1


async def test_what_would_take_units_that_are_gone_is_not_charged(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, hold_at="payment")
    variant, shopper, session = await ready(shop)
    done = await shop.checkouts.complete(shopper, session.id, payment_method="invoice")
    dues = DueService(db, shop.settings, shop.orders, shop.checkouts.payments, shop.checkouts.completion)
    async with db.read() as connection:
        await connection.execute("update stock set on_hand = 1 where variant_id = $1", variant)

    with pytest.raises(InsufficientStockError):
        await dues.pay(shopper, done.order_number or "", payment_token="tok_succeeds")

    assert await charged(db) == 0


async def pay_at_once(order: Owing, monkeypatch: pytest.MonkeyPatch, tabs: int = 3) -> list[Any]:
    """The body: tabs pay at the same moment. Nobody is answered by the gateway before all are there, or 0.3 s."""
    payments, there, all_there = order.shop.checkouts.payments, 0, asyncio.Event()
    authorize = payments.authorize

    async def slow(*asked: Any) -> Any:
        nonlocal there
        there += 1
        if there == tabs:
            all_there.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_there.wait(), 0.3)
        return await authorize(*asked)

    monkeypatch.setattr(payments, "authorize", slow)
    paying = (order.pay("tok_succeeds", f"tab-{n}") for n in range(tabs))
    return list(await asyncio.gather(*paying, return_exceptions=True))


async def test_several_tabs_pay_once(db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await owing(db, settings)

    answers = await pay_at_once(order, monkeypatch)

    assert {answer["payment"]["id"] for answer in answers} == {answers[0]["payment"]["id"]}
    assert {answer["order"]["payment_status"] for answer in answers} == {"paid"}
    assert await order.pay("tok_succeeds", "tab-1") == answers[1], "and each key keeps it"
    assert await order.money() == ("paid", 2700, 0, 2700)
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from test_gateway_payment") == 2
    assert await faults(db) == {}


async def test_without_looking_for_each_other_several_are_charged(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same body, where nobody looks whether somebody else is paying, nor is stopped by it."""
    order = await owing(db, settings)
    async with db.read() as connection:
        await connection.execute("drop index payment_one_open_per_order")

    async def nobody(*_: Any) -> None:
        return None

    monkeypatch.setattr("pannier.orders.paying.find_paying_attempt", nobody)
    await pay_at_once(order, monkeypatch)

    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from test_gateway_payment") == 4
    # Even then the books hold: what nobody owed goes back.
    assert await order.money() == ("paid", 2700, 0, 2700)
    assert await faults(db) == {}


async def test_the_index_alone_stops_a_second_one(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await owing(db, settings)

    async def nobody(*_: Any) -> None:
        return None

    monkeypatch.setattr("pannier.orders.paying.find_paying_attempt", nobody)
    await pay_at_once(order, monkeypatch)

    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from test_gateway_payment") == 2


@pytest.mark.parametrize("how", ["comes back", "webhook", "job", "asks again"])
async def test_who_pays_on_the_gateways_page_has_paid(
    db: Database, settings: Settings, clock: ManualClock, how: str
) -> None:
    order = await owing(db, settings)
    asked = await order.pay(None, "k")
    assert (asked["payment"]["status"], asked["order"]["payment_status"]) == ("requires_escalation", "pending")
    assert asked["payment"]["links"][0]["href"].startswith("/pay/test/tp_")
    assert (await order.pay(None, "other"))["payment"]["id"] == asked["payment"]["id"]
    assert (await order.offer())["payment"]["links"] == asked["payment"]["links"]

    await pay_on_page(order, "twice" if how == "webhook" else "pay")
    if how == "comes back":
        await order.dues.come_back(order.shopper, order.number)
    elif how == "job":
        await order.resume(clock)
    elif how == "asks again":
        assert (await order.pay("tok_succeeds", "again"))["payment"]["status"] == "paid"

    assert await order.money() == ("paid", 2700, 0, 2700)
    assert len(await payments_of(db)) == 2
    assert await faults(db) == {}


async def test_who_never_pays_on_the_page_owes_it_still(db: Database, settings: Settings, clock: ManualClock) -> None:
    order = await owing(db, settings)
    await order.pay(None)
    clock.advance(timedelta(hours=2))
    await order.resume(clock)
    assert await order.money() == ("pending", 2000, 0, 2000)
    assert [row["state"] for row in await payments_of(db)] == ["captured", "voided"]
    assert (await order.offer())["payment"] is None
    assert await faults(db) == {}


async def test_a_page_for_another_sum_is_left_and_one_for_this_begins(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    order = await owing(db, settings)
    await order.pay(None)
    await order.edit(Edit(added=[(order.lamp, 1)]))

    asked = await order.pay(None)

    assert asked["payment"]["amount"]["amount"] == 1400
    await pay_on_page(order)
    await order.resume(clock)
    assert await order.money() == ("paid", 3400, 0, 3400)
    assert await faults(db) == {}


@pytest.mark.parametrize("method", ["test", "invoice"])
async def test_an_order_that_was_paid_is_paid_again_when_what_was_added_is_taken_out(
    db: Database, settings: Settings, method: str
) -> None:
    order = await owing(db, settings, method)
    if method == "invoice":
        await order.shop.orders.pay(STAFF, order.number)
        await order.edit(Edit(added=[(order.lamp, 1)]))
    lamps = (await order.order()).lines[1:]
    before = await order.order()
    assert (before.status, before.payment_status) == ("pending", "pending")

    await order.edit(Edit({lamps[-1].id: 0}))

    after = await order.order()
    assert (after.status, after.payment_status, balance_of(after)) == ("paid", "paid", 0)
    async with db.read() as connection:
        states = await connection.fetch("select state::text from payment_attempt where state = 'promised'")
    assert states == []
    assert await faults(db) == {}


async def test_an_order_that_was_never_paid_is_not_paid_by_an_edit(db: Database, settings: Settings) -> None:
    order = await owing(db, settings, "invoice")
    await order.edit(Edit({(await order.order()).lines[-1].id: 0}))
    assert (await order.order()).payment_status == "pending"
