"""A bank that takes its time: for days it can neither be stopped nor says what comes of it, and no money is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from pannier.checkout import CheckoutPatch
from pannier.checkout.completion.runner import Completion
from pannier.kernel.clock import ManualClock
from pannier.payments import Attempt, ProviderUnavailableError
from pannier.payments.adapters.stripe import StripeProvider
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.test_payment import BY_CARD, ledger, payments_of, ready, shop_of
from tests.checkout.test_payment_meanwhile import the_order
from tests.payments.test_contract import stripe_at
from tests.support.books import faults
from tests.support.fake_stripe import FakeStripe, signed
from tests.support.shop import Shop, count
from tests.support.web import served

BY_STRIPE = CheckoutPatch(**{**BY_CARD.model_dump(exclude_unset=True), "payment_method": "stripe"})


@dataclass
class Town:
    """A shop that is paid through Stripe, and what only Stripe knows."""

    shop: Shop
    fake: FakeStripe
    provider: StripeProvider
    clock: ManualClock

    async def at_the_page(self) -> tuple[Any, Any, str]:
        """A shopper who was sent to pay: she, her checkout, and the page."""
        _, shopper, session = await ready(self.shop)
        await self.shop.checkouts.update(shopper, session.id, BY_STRIPE)
        waiting = await self.shop.checkouts.complete(shopper, session.id)
        assert waiting.document["status"] == "requires_escalation"
        return shopper, session.id, next(reversed(self.fake.sessions))

    async def later(self, by: timedelta) -> None:
        """The job comes, and then once more."""
        self.clock.advance(by)
        await self.shop.checkouts.completion.resume()
        self.clock.advance(timedelta(hours=1))
        await self.shop.checkouts.completion.resume()

    async def status(self, shopper: Any, checkout_id: Any) -> str:
        return str((await self.shop.checkouts.get(shopper, checkout_id))["status"])


@pytest_asyncio.fixture
async def town(
    request: pytest.FixtureRequest, db: Database, settings: Settings, clock: ManualClock
) -> AsyncIterator[Town]:
    fake, capture = FakeStripe(), getattr(request, "param", "at_once")
    shop = shop_of(
        db, settings, payment_methods=("test", "stripe", "invoice"), payment_capture=capture, checkout_ttl_s=86400
    )
    with served(fake.app()) as url:
        provider = stripe_at(url, clock=clock)
        shop.checkouts.payments.providers.put("stripe", provider)
        yield Town(shop, fake, provider, clock)
        await provider.close()


capturing = pytest.mark.parametrize("town", ["at_once", "ordered"], indirect=True)


@capturing
async def test_what_is_being_processed_is_waited_for_beyond_the_page_s_time_and_is_the_order_s(town: Town) -> None:
    shopper, checkout_id, page = await town.at_the_page()
    town.fake.pay(page, takes_time=True)

    await town.later(timedelta(minutes=31))

    shown = await town.shop.checkouts.get(shopper, checkout_id)
    assert (shown["status"], shown["messages"]) == ("requires_escalation", []), "nobody says that nothing was charged"
    town.fake.clear(page)
    await town.later(timedelta(hours=2))
    assert await town.status(shopper, checkout_id) == "completed"
    assert (town.fake.charged, town.fake.taken) == (1, 2000)
    assert await faults(town.shop.db) == {}


@capturing
async def test_what_comes_to_nothing_after_all_frees_the_checkout(town: Town) -> None:
    shopper, checkout_id, page = await town.at_the_page()
    town.fake.pay(page, takes_time=True)
    await town.later(timedelta(minutes=31))

    town.fake.clear(page, is_good=False)
    await town.later(timedelta(hours=2))

    assert await town.status(shopper, checkout_id) == "ready_for_complete"
    assert town.fake.charged == 0
    assert [row["due_at"] for row in await payments_of(town.shop.db)] == [None]
    assert await faults(town.shop.db) == {}


@capturing
async def test_what_she_has_left_while_it_was_processed_is_given_back_when_it_is_there(town: Town) -> None:
    shopper, checkout_id, page = await town.at_the_page()
    town.fake.pay(page, takes_time=True)
    await town.shop.checkouts.update(shopper, checkout_id, CheckoutPatch(note="by the door"))

    await town.later(timedelta(hours=2))
    assert [row["due_at"] is None for row in await payments_of(town.shop.db)] == [False], "somebody looks at it again"
    town.fake.clear(page)
    await town.later(timedelta(hours=2))

    assert town.fake.taken == 0
    (row,) = await payments_of(town.shop.db)
    assert row["due_at"] is None
    assert row["state"] in {"voided", "refunded"}
    assert {intent["status"] for intent in town.fake.intents.values()} <= {"canceled", "succeeded"}, "nothing is held"
    assert await faults(town.shop.db) == {}


async def test_who_pays_in_another_way_is_told_to_wait_for_what_is_being_processed(town: Town) -> None:
    shopper, checkout_id, page = await town.at_the_page()
    town.fake.pay(page, takes_time=True)

    with pytest.raises(ProviderUnavailableError):
        await town.shop.checkouts.complete(shopper, checkout_id, payment_method="invoice")

    town.fake.clear(page)
    done = await town.shop.checkouts.complete(shopper, checkout_id, payment_method="invoice")
    assert done.order_number is not None
    assert (await town.shop.orders.get(shopper, done.order_number)).payment_status == "paid"
    assert (town.fake.charged, town.fake.taken) == (1, 2000)
    assert await count(town.shop.db, "orders") == 1
    assert await faults(town.shop.db) == {}


@pytest.mark.parametrize("town", ["ordered"], indirect=True)
async def test_what_she_paid_just_before_her_page_was_closed_is_let_go_of(town: Town) -> None:
    """The page is no longer open when it is closed, and the money that it authorised belongs to no order."""
    shopper, checkout_id, page = await town.at_the_page()
    await town.shop.checkouts.update(shopper, checkout_id, CheckoutPatch(note="by the door"))
    found = town.provider._found

    async def paid_meanwhile(payment: Any) -> Any:
        report = await found(payment)
        town.fake.pay(page)
        return report

    town.provider._found = paid_meanwhile  # type: ignore[method-assign]  # between its look and its change
    await town.later(timedelta(minutes=1))

    assert [intent["status"] for intent in town.fake.intents.values()] == ["canceled"]
    assert await ledger(town.shop.db) == [("authorize", 2000), ("void", 2000)]
    assert [(row["state"], row["due_at"]) for row in await payments_of(town.shop.db)] == [("voided", None)]
    assert await faults(town.shop.db) == {}


@pytest.mark.parametrize("town", ["ordered"], indirect=True)
async def test_what_a_canceled_order_has_authorised_is_held_at_the_bank_no_more(town: Town) -> None:
    _, shopper, session = await ready(town.shop)
    await town.shop.checkouts.update(shopper, session.id, BY_STRIPE)
    town.fake.faults += ["", "500"]
    with pytest.raises(ProviderUnavailableError):
        await town.shop.checkouts.complete(shopper, session.id, payment_token="pm_card_visa")
    assert town.fake.held == 2000
    (order,), _ = await town.shop.orders.list_all()
    await town.shop.orders.cancel(shopper, order.number)

    await town.later(timedelta(minutes=1))

    assert (town.fake.held, town.fake.charged) == (0, 0)
    assert await ledger(town.shop.db) == [("authorize", 2000), ("void", 2000)]
    assert [(row["state"], row["due_at"]) for row in await payments_of(town.shop.db)] == [("voided", None)]
    assert await faults(town.shop.db) == {}


async def refunds(town: Town) -> list[tuple[str, int]]:
    async with town.shop.db.read() as connection:
        rows = await connection.fetch("select state, amount_minor from refund order by created_at, id")
    return [(row[0], row[1]) for row in rows]


async def ordered(town: Town) -> Any:
    """An order that was paid through Stripe, of which some money is asked back."""
    shopper, checkout_id, page = await town.at_the_page()
    town.fake.pay(page)
    await town.shop.checkouts.completion.come_back(shopper, checkout_id)
    number = (await town.shop.checkouts.get(shopper, checkout_id))["order"]["number"]
    order = await town.shop.orders.get(shopper, number)
    await town.shop.checkouts.payments.refund(order.id, 500, "a scratch", actor="staff")
    return order


async def tell(town: Town, event_id: str) -> None:
    """Stripe tells of its newest refund."""
    about = next(reversed(town.fake.refunds.values()))
    event = {"id": event_id, "object": "event", "type": "refund.updated", "data": {"object": about}}
    await town.shop.checkouts.completion.hear("stripe", *signed(event))


async def test_a_refund_whose_answer_was_lost_for_days_is_given_once(town: Town) -> None:
    town.fake.faults += ["", "500 after"]
    await ordered(town)
    assert await refunds(town) == [("pending", 500)]
    town.fake.kept.clear()

    await town.later(timedelta(days=2))

    assert await refunds(town) == [("succeeded", 500)]
    assert town.fake.taken == 1500
    assert await ledger(town.shop.db) == [("authorize", 2000), ("capture", 2000), ("refund", 500)]
    assert await faults(town.shop.db) == {}


@pytest.mark.parametrize("status, state", [("succeeded", "succeeded"), ("failed", "failed")])
async def test_a_refund_that_a_bank_thinks_about_is_given_or_refused_when_it_has(
    town: Town, status: str, state: str
) -> None:
    town.fake.refund_status = "pending"
    order = await ordered(town)
    assert await refunds(town) == [("pending", 500)]
    assert (await payments_of(town.shop.db))[0]["refunded_minor"] == 0

    town.fake.settle(next(iter(town.fake.refunds.values())), status)
    await tell(town, "evt_1")

    assert await refunds(town) == [(state, 500)]
    assert (await payments_of(town.shop.db))[0]["refunded_minor"] == (500 if state == "succeeded" else 0)
    town.fake.refund_status = "succeeded"
    await town.shop.checkouts.payments.refund(order.id, None, "all of it", actor="staff")
    assert town.fake.taken == 0
    assert await faults(town.shop.db) == {}


async def test_a_refund_that_came_back_after_it_was_given_is_told_once(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await ordered(town)
    town.fake.settle(next(iter(town.fake.refunds.values())), "failed")

    for event_id in ("evt_1", "evt_2"):
        await tell(town, event_id)

    async with town.shop.db.read() as connection:
        told = await connection.fetch("select data from event where type = 'payment.refund_failed'")
        failure = await connection.fetchval("select failure from refund")
    assert failure == "the refund is failed: lost_or_stolen_card"
    assert [(row["data"]["amount_minor"], row["data"]["failure"]) for row in told] == [(500, failure)]
    assert "came back" in caplog.text
    assert await faults(town.shop.db) == {}


async def test_a_word_of_a_refund_of_another_payment_changes_nothing(town: Town) -> None:
    await ordered(town)
    mine = next(iter(town.fake.refunds.values()))
    await ordered(town)
    other = next(reversed(town.fake.refunds.values()))
    other["metadata"] = {**other["metadata"], "refund_id": mine["metadata"]["refund_id"]}
    town.fake.settle(other, "failed")

    await tell(town, "evt_1")

    async with town.shop.db.read() as connection:
        assert await connection.fetchval("select count(*) from refund where failure is not null") == 0


@pytest.mark.parametrize("town", ["ordered"], indirect=True)
async def test_what_she_has_paid_by_the_time_she_wants_to_pay_otherwise_is_not_let_go_of(
    town: Town, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She pays between the shop's asking what became of it and its closing the page."""
    shopper, checkout_id, page = await town.at_the_page()
    advance = Completion.advance
    looks = 0

    async def look_and_be_paid(completion: Completion, attempt: Attempt) -> None:
        nonlocal looks
        looks += 1
        await advance(completion, attempt)
        if looks == 1:
            town.fake.pay(page)

    monkeypatch.setattr(Completion, "advance", look_and_be_paid)
    await town.shop.checkouts.complete(shopper, checkout_id, payment_method="invoice")

    assert await town.status(shopper, checkout_id) == "completed"
    assert (await the_order(town.shop)).status == "paid"
    assert town.fake.taken == 2000
    assert await count(db, "orders") == 1
    assert await faults(db) == {}
