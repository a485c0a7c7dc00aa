"""What happens beside a payment while it is being made: nobody is charged for no order, and no order stands unpaid."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pannier.checkout import CheckoutPatch
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.payments import (
    Attempt,
    PaymentFailedError,
    ProviderRefusedError,
    ProviderTroubleError,
    ProviderUnavailableError,
    Report,
    TestGateway,
    WebhookRefusedError,
    Wish,
)
from pannier.platform.database import Database
from pannier.platform.idempotency import Key, key_of
from pannier.platform.settings import Settings
from tests.checkout.test_payment import SIGNS_WITH, charged, ledger, pay_on_page, payments_of, ready, shop_of
from tests.support.books import faults
from tests.support.shop import STAFF, Shop, count, stock_figures


def gateway_of(shop: Shop) -> TestGateway:
    gateway = shop.checkouts.payments.providers.test_gateway
    assert gateway is not None
    return gateway


async def the_order(shop: Shop) -> Any:
    (order,), _ = await shop.orders.list_all()
    return order


async def attempt_of(shop: Shop) -> Attempt:
    (row,) = await payments_of(shop.db)
    found = await shop.checkouts.payments.find(row["id"])
    assert found is not None
    return found


async def left_unanswered(shop: Shop, shopper: Any, checkout_id: Any, ask: str = "capture", **more: Any) -> None:
    """She pays by card, and the provider says nothing to `ask`; from then on it answers again."""
    providers, gateway = shop.checkouts.payments.providers, gateway_of(shop)
    providers.put("test", Changed(shop.db, **{ask: no_answer}))
    with pytest.raises(ProviderUnavailableError):
        await shop.checkouts.complete(shopper, checkout_id, payment_token="tok_succeeds", **more)
    providers.put("test", gateway)


@pytest.mark.parametrize("capture", ["at_once", "ordered"])
async def test_a_payment_let_go_of_since_it_was_looked_at_places_no_order(
    db: Database, settings: Settings, capture: str
) -> None:
    """Somebody was led back, and before the order was placed the job let the authorisation go."""
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)
    attempt = await attempt_of(shop)
    seen = await shop.checkouts.payments.look_up(attempt)
    assert seen is not None
    assert seen.is_good
    if capture == "at_once":
        # As it was seen, had the money been taken with the authorisation.
        seen = replace(seen, state="captured", captured_minor=seen.amount_minor)
    await shop.checkouts.payments.void(attempt)

    with pytest.raises(PaymentFailedError):
        await shop.checkouts.completion.run(seen, shopper, None)

    assert await count(db, "orders") == 0
    assert await charged(db) == 0
    assert (await shop.checkouts.get(shopper, session.id))["status"] == "ready_for_complete"
    assert await faults(db) == {}


async def test_an_order_canceled_before_its_money_is_taken_is_never_charged(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    variant, shopper, session = await ready(shop)
    await left_unanswered(shop, shopper, session.id)
    order = await the_order(shop)
    await shop.orders.cancel(shopper, order.number)
    clock.advance(timedelta(seconds=21))
    await shop.checkouts.completion.resume()

    assert await charged(db) == 0
    assert await ledger(db) == [("authorize", 2000), ("void", 2000)]
    assert [(row["state"], row["is_open"], row["due_at"]) for row in await payments_of(db)] == [("voided", False, None)]
    assert await stock_figures(db, variant) == (5, 0)
    assert await faults(db) == {}


@pytest.mark.parametrize("first", ["not answered", "refused"])
async def test_what_a_canceled_order_has_authorised_is_let_go_of_however_long_that_takes(
    db: Database, settings: Settings, clock: ManualClock, first: str
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    gateway = gateway_of(shop)
    await left_unanswered(shop, shopper, session.id)
    await shop.orders.cancel(shopper, (await the_order(shop)).number)
    shop.checkouts.payments.providers.put("test", Changed(db, void=no_answer if first == "not answered" else refused))
    for _ in range(3):
        clock.advance(timedelta(minutes=1))
        await shop.checkouts.completion.resume()
    assert [(row["state"], row["due_at"] is None) for row in await payments_of(db)] == [("authorized", False)]

    shop.checkouts.payments.providers.put("test", gateway)
    clock.advance(timedelta(hours=1))
    await shop.checkouts.completion.resume()

    assert await ledger(db) == [("authorize", 2000), ("void", 2000)]
    assert [(row["state"], row["is_open"], row["due_at"]) for row in await payments_of(db)] == [("voided", False, None)]
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_an_order_canceled_while_its_money_is_taken_gets_it_back(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    gateway = gateway_of(shop)

    async def late(payment: Attempt) -> Report:
        report = await gateway.capture(payment)
        await shop.orders.cancel(STAFF, (await the_order(shop)).number)
        return report

    shop.checkouts.payments.providers.put("test", Changed(db, capture=late))
    with pytest.raises(PaymentFailedError):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")

    assert await charged(db) == 0
    assert await ledger(db) == [("authorize", 2000), ("capture", 2000), ("refund", 2000)]
    assert (await the_order(shop)).status == "canceled"
    assert await faults(db) == {}


async def test_a_charge_that_arrives_after_the_payment_was_given_up_is_given_back(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    gateway = gateway_of(shop)
    asked: list[tuple[Attempt, Wish]] = []

    async def slow(payment: Attempt, wish: Wish) -> Report:
        asked.append((payment, wish))
        raise ProviderTroubleError("no answer")

    shop.checkouts.payments.providers.put("test", Changed(db, authorize=slow))
    with pytest.raises(ProviderUnavailableError):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    shop.checkouts.payments.providers.put("test", gateway)
    clock.advance(timedelta(seconds=21))
    await shop.checkouts.completion.resume()
    assert (await shop.checkouts.get(shopper, session.id))["status"] == "ready_for_complete"

    # What was asked has been on its way all the time.
    await gateway.authorize(*asked[0])
    assert await charged(db) == 2000
    clock.advance(timedelta(minutes=15))
    await shop.checkouts.completion.resume()

    assert await charged(db) == 0
    assert [row["due_at"] for row in await payments_of(db)] == [None]
    assert await faults(db) == {}


async def test_the_audit_finds_money_that_is_held_and_said_to_be_let_go_of(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)
    attempt = await attempt_of(shop)
    await shop.checkouts.payments.look_up(attempt)
    assert await faults(db) == {}

    async with db.read() as connection:
        await connection.execute("update payment_attempt set state = 'voided'")

    assert "payment.ledger" in await faults(db)


@pytest.mark.parametrize("is_told", [True, False])
async def test_an_authorisation_that_arrives_after_the_payment_was_let_go_of_is_let_go_of_too(
    db: Database, settings: Settings, clock: ManualClock, is_told: bool
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    await left_unanswered(shop, shopper, session.id, "authorize")
    for wait in (21, 900):
        clock.advance(timedelta(seconds=wait))
        await shop.checkouts.completion.resume()
    attempt = await attempt_of(shop)
    assert (attempt.state, attempt.due_at) == ("voided", None)

    # What was asked has been on its way for longer than anybody looked.
    await gateway_of(shop).authorize(attempt, Wish(token="tok_succeeds"))
    held = await shop.checkouts.payments.look_up(attempt)
    assert held is not None
    assert held.state == "authorized"
    assert await faults(db) == {}
    await (shop.checkouts.completion.advance(held) if is_told else shop.checkouts.completion.resume())

    assert await ledger(db) == [("authorize", 2000), ("void", 2000)]
    assert [(row["state"], row["due_at"]) for row in await payments_of(db)] == [("voided", None)]
    assert await faults(db) == {}


async def test_a_late_word_of_an_authorisation_that_was_let_go_of_moves_nothing(
    db: Database, settings: Settings
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)
    attempt = await attempt_of(shop)
    late = await gateway_of(shop).look_up(attempt)
    assert late is not None
    await shop.checkouts.payments.look_up(attempt)
    await shop.checkouts.payments.void(attempt)

    after = await shop.checkouts.payments._taken_in(attempt, late)  # what was said before the void, and came after it

    assert (after.state, await ledger(db)) == ("voided", [("authorize", 2000), ("void", 2000)])


async def test_a_page_that_can_no_longer_be_closed_is_waited_for_and_its_money_is_the_order_s(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)

    async def refuse(_payment: Attempt) -> Report:
        raise ProviderRefusedError("it is being processed")

    shop.checkouts.payments.providers.put("test", Changed(db, void=refuse))
    clock.advance(timedelta(minutes=31))
    await shop.checkouts.completion.resume()

    shown = await shop.checkouts.get(shopper, session.id)
    assert (shown["status"], shown["messages"]) == ("requires_escalation", []), "nobody says that nothing was charged"
    assert [row["due_at"] is None for row in await payments_of(db)] == [False]
    await pay_on_page(shop)
    clock.advance(timedelta(minutes=1))
    await shop.checkouts.completion.resume()
    assert (await the_order(shop)).status == "paid"
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def refused(_payment: Attempt, *_: Any) -> Report:
    raise ProviderRefusedError("the shop's account has not so much in it")


async def test_a_webhook_of_a_payment_that_is_only_begun_does_not_end_it(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    gateway = gateway_of(shop)

    async def told_early(payment: Attempt, wish: Wish) -> Report:
        if not payment.tries:
            await gateway._create(payment, wish, "tok_succeeds", "created")  # what a provider does
            row = await gateway._known(payment)  # the same
            await gateway._tell(row["id"], payment.id, times=1)  # the same
        return await gateway.authorize(payment, wish)

    shop.checkouts.payments.providers.put("test", Changed(db, authorize=told_early))
    done = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")

    assert done.order_number is not None
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_a_key_that_is_used_for_something_else_meanwhile_costs_no_order(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    gateway = gateway_of(shop)
    mine = key_of(shopper, "k", method="POST", target="/complete")
    assert mine is not None

    async def meanwhile(payment: Attempt, wish: Wish) -> Report:
        other = Key(mine.owner, mine.key, b"x" * 32)
        with pytest.raises(PannierError):
            await shop.checkouts.update(shopper, session.id, CheckoutPatch(note="by the door"), key=other)
        return await gateway.authorize(payment, wish)

    shop.checkouts.payments.providers.put("test", Changed(db, authorize=meanwhile))
    with pytest.raises(PannierError) as refused:
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", key=mine)
    assert refused.value.error == "IDEMPOTENCY_CONFLICT"

    clock.advance(timedelta(seconds=21))
    await shop.checkouts.completion.resume()

    assert (await shop.checkouts.get(shopper, session.id))["status"] == "completed"
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_a_webhook_is_refused_whatever_its_signature_is_made_of(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    hear = shop.checkouts.completion.hear
    for signature in ("", "\u00fc" * 64, "0" * 64):
        with pytest.raises(WebhookRefusedError):
            await hear("test", {"x-test-signature": signature}, b"{}")
    gateway = gateway_of(shop)
    with pytest.raises(WebhookRefusedError):
        await hear("test", {"x-test-signature": gateway.signature(b"{}")}, b"{}")
    with pytest.raises(WebhookRefusedError):
        await hear("stripe", {}, b"{}")


async def no_answer(_payment: Attempt, *_: Any) -> Report:
    raise ProviderTroubleError("no answer")


class Changed(TestGateway):
    """The test gateway, with something that it does in another way."""

    def __init__(self, db: Database, **acts: Callable[..., Awaitable[Report | None]]) -> None:
        super().__init__(db, SIGNS_WITH, "/pay/test")
        for name, act in acts.items():
            setattr(self, name, act)
