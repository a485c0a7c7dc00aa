"""Paying before there is an order: what each answer of the provider comes to, and that nothing happens twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from pannier.checkout import CheckoutPatch
from pannier.inventory import Cause, InventoryService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.payments import Attempt, PaymentFailedError, ProviderUnavailableError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, STAFF, Shop, count, guest, stock_figures

BY_CARD = CheckoutPatch(**{**DETAILS.model_dump(exclude_unset=True), "payment_method": "test"})
WAYS = ("test", "invoice")
SIGNS_WITH = "what-gateways-of-tests-sign-with"


def shop_of(db: Database, settings: Settings, **changes: Any) -> Shop:
    changes = {"payment_methods": WAYS, "test_gateway_secret": SecretStr(SIGNS_WITH), **changes}
    return Shop.of(db, settings, **changes)


async def ready(shop: Shop, **product: Any) -> tuple[Any, Any, Any]:
    variant = await make_product(shop.db, **{"on_hand": 5, "price_minor": 1000, **product})
    shopper = guest()
    await shop.fill(shopper, variant, 2)
    session = await shop.checkouts.create_checkout(shopper, BY_CARD)
    return variant, shopper, session


async def payments_of(db: Database) -> list[dict[str, Any]]:
    async with db.read() as connection:
        rows = await connection.fetch("select * from payment_attempt order by created_at, id")
    return [dict(row) for row in rows]


async def ledger(db: Database) -> list[tuple[str, int]]:
    async with db.read() as connection:
        rows = await connection.fetch(
            "select kind, amount_minor from payment_transaction order by at, attempt_id, number"
        )
    return [(row[0], row[1]) for row in rows]


async def charged(db: Database) -> int:
    """What the gateway has taken and not given back: the truth outside of the shop."""
    async with db.read() as connection:
        return int(
            await connection.fetchval(
                "select coalesce(sum(captured_minor - refunded_minor), 0) from test_gateway_payment"
            )
        )


@pytest.mark.parametrize(
    "card", ["tok_succeeds", "tok_timeout_before", "tok_timeout_after", "tok_twice", "tok_webhook_first"]
)
@pytest.mark.parametrize("capture", ["at_once", "ordered"])
async def test_whatever_happens_on_the_way_a_good_card_pays_one_order_once(
    db: Database, settings: Settings, card: str, capture: str
) -> None:
    shop = shop_of(db, settings, payment_capture=capture)
    variant, shopper, session = await ready(shop)

    done = await shop.checkouts.complete(shopper, session.id, payment_token=card, idempotency_key="k")

    order = await shop.orders.get(shopper, done.order_number or "")
    assert (order.status, order.payment_status, order.total_minor) == ("paid", "paid", 2000)
    assert done.document["status"] == "completed"
    assert not done.is_replay
    assert await charged(db) == 2000
    assert await ledger(db) == [("authorize", 2000), ("capture", 2000)]
    assert await stock_figures(db, variant) == (3, 0)
    (payment,) = await payments_of(db)
    assert (payment["is_open"], payment["due_at"], payment["order_id"]) == (False, None, order.id)
    again = await shop.checkouts.complete(shopper, session.id, payment_token=card, idempotency_key="k")
    assert (again.order_number, again.is_replay) == (done.order_number, True)
    assert await count(db, "orders") == 1
    assert await faults(db) == {}


@pytest.mark.parametrize("hold_at", ["add", "checkout", "order", "payment"])
async def test_a_declined_card_leaves_nothing_behind_and_another_one_pays(
    db: Database, settings: Settings, hold_at: str
) -> None:
    shop = shop_of(db, settings, hold_at=hold_at)
    variant, shopper, session = await ready(shop)
    before = await stock_figures(db, variant)

    with pytest.raises(PaymentFailedError) as refused:
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_declines", idempotency_key="first")

    assert refused.value.details == {"reason": "card_declined"}
    assert await stock_figures(db, variant) == before
    shown = await shop.checkouts.get(shopper, session.id)
    assert (shown["status"], shown["order"]) == ("ready_for_complete", None)
    assert [message["code"] for message in shown["messages"]] == ["PAYMENT_FAILED"]
    assert await count(db, "orders") == 0
    with pytest.raises(PaymentFailedError):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_declines", idempotency_key="first")
    assert await count(db, "payment_attempt") == 1
    assert await faults(db) == {}

    done = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="second")
    assert done.order_number is not None
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_what_is_sold_out_while_it_is_paid_is_given_back_and_the_shopper_told(
    db: Database, settings: Settings
) -> None:
    """Shop E takes stock when the payment succeeds, and looks again before."""
    shop = shop_of(db, settings, hold_at="payment", commit_at="payment")
    variant, shopper, session = await ready(shop)
    waiting = await shop.checkouts.complete(shopper, session.id, idempotency_key="k")
    assert waiting.document["status"] == "requires_escalation"
    await InventoryService(db, settings).count(variant, 1, Cause("staff", "counted"))
    await pay_on_page(shop)

    await shop.checkouts.completion.come_back(shopper, session.id)

    shown = await shop.checkouts.get(shopper, session.id)
    (message,) = [message for message in shown["messages"] if "payment" in message["text"]]
    assert message["code"] == "INSUFFICIENT_STOCK"
    assert message["text"].endswith("Your payment is given back.")
    assert await charged(db) == 0
    assert await ledger(db) == [("authorize", 2000), ("capture", 2000), ("refund", 2000)]
    assert await count(db, "orders") == 0
    assert await faults(db) == {}


async def test_money_that_was_only_authorised_is_let_go_of(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, hold_at="payment", commit_at="payment", payment_capture="ordered")
    variant, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await InventoryService(db, settings).count(variant, 1, Cause("staff", "counted"))
    await pay_on_page(shop)

    await shop.checkouts.completion.come_back(shopper, session.id)

    assert await ledger(db) == [("authorize", 2000), ("void", 2000)]
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_who_has_to_go_to_the_page_is_led_there_and_back(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, hold_at="order")
    variant, shopper, session = await ready(shop)

    waiting = await shop.checkouts.complete(shopper, session.id, idempotency_key="k")

    (link,) = waiting.document["links"]
    assert link["rel"] == "payment"
    assert link["href"].startswith("/pay/test/tp_")
    assert (await shop.checkouts.get(shopper, session.id))["links"] == [link]
    assert await stock_figures(db, variant) == (5, 2), "the goods are held while she is there"
    again = await shop.checkouts.complete(shopper, session.id, idempotency_key="another")
    assert again.document["links"] == [link], "who asks again is led to the same page"
    await pay_on_page(shop)
    await shop.checkouts.completion.come_back(shopper, session.id)
    assert (await shop.checkouts.get(shopper, session.id))["status"] == "completed"
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_who_pays_in_another_way_pays_once(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)

    done = await shop.checkouts.complete(shopper, session.id, payment_method="invoice")

    assert done.order_number is not None
    await pay_on_page(shop)
    await shop.checkouts.completion.resume()
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_a_checkout_that_is_changed_while_its_page_is_open_is_paid_no_more(
    db: Database, settings: Settings
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)

    changed = await shop.checkouts.update(shopper, session.id, CheckoutPatch(note="by the door"))

    assert changed.document["status"] == "ready_for_complete"
    await pay_on_page(shop)
    await shop.checkouts.completion.resume()
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_who_never_comes_back_has_ordered_all_the_same(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)

    clock.advance(timedelta(seconds=31))
    await shop.checkouts.completion.resume()

    assert (await shop.checkouts.get(shopper, session.id))["status"] == "completed"
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_a_page_that_nobody_pays_at_is_over_in_time(db: Database, settings: Settings, clock: ManualClock) -> None:
    shop = shop_of(db, settings, hold_at="order")
    variant, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)

    clock.advance(timedelta(minutes=31))
    await shop.checkouts.completion.resume()

    shown = await shop.checkouts.get(shopper, session.id)
    assert shown["status"] == "ready_for_complete"
    assert await stock_figures(db, variant) == (5, 0)
    await pay_on_page(shop)
    assert await charged(db) == 0, "the gateway was told that it is over"
    assert await faults(db) == {}


async def test_a_bank_that_changes_its_mind_cancels_the_order(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    variant, shopper, session = await ready(shop)

    with pytest.raises(PaymentFailedError) as refused:
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_capture_fails")

    order = await shop.orders.get(shopper, refused.value.details["number"])
    assert order.status == "canceled"
    assert await stock_figures(db, variant) == (5, 0)
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_refunds_are_bounded_by_what_was_paid(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    done = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    order = await shop.orders.get(shopper, done.order_number or "")
    payments = shop.checkouts.payments

    await payments.refund(order.id, 500, "one was broken", actor="staff")
    with pytest.raises(PannierError) as refused:
        await payments.refund(order.id, 1501, "too much", actor="staff")
    assert refused.value.details == {"requested": 1501, "available": 1500}
    await payments.refund(order.id, None, "all of it", actor="staff")

    assert await charged(db) == 0
    attempts, refunds = await payments.of_order(order.id)
    assert [attempt.state for attempt in attempts] == ["refunded"]
    assert [(refund.amount_minor, refund.state) for refund in refunds] == [(500, "succeeded"), (1500, "succeeded")]
    assert await faults(db) == {}


async def test_an_invoice_is_in_the_ledger_when_it_is_paid(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, number = await shop.buy(await make_product(db, price_minor=700), 2)
    assert [(p["state"], p["amount_minor"]) for p in await payments_of(db)] == [("promised", 1400)]

    await shop.orders.pay(STAFF, number)

    assert await ledger(db) == [("authorize", 1400), ("capture", 1400)]
    order = await shop.orders.get(STAFF, number)
    await shop.checkouts.payments.refund(order.id, 400, "a scratch", actor="staff")
    assert (await payments_of(db))[0]["refunded_minor"] == 400
    assert await faults(db) == {}


async def test_a_provider_that_is_down_is_told_and_the_checkout_is_free_again(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    gateway = shop.checkouts.payments.providers.test_gateway
    assert gateway is not None

    class Down(type(gateway)):  # type: ignore[misc]  # whatever it is
        async def authorize(self, _payment: Attempt, _wish: Any) -> Any:
            raise TimeoutError

    shop.checkouts.payments.providers.put("test", Down(db, "x", "/pay/test"))
    with pytest.raises(ProviderUnavailableError):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")
    assert (await shop.checkouts.get(shopper, session.id))["status"] == "complete_in_progress"

    clock.advance(timedelta(seconds=21))
    await shop.checkouts.completion.resume()

    assert (await shop.checkouts.get(shopper, session.id))["status"] == "ready_for_complete"
    shop.checkouts.payments.providers.put("test", gateway)
    done = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    assert done.order_number is not None
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def pay_on_page(shop: Shop, choice: str = "pay") -> None:
    gateway = shop.checkouts.payments.providers.test_gateway
    assert gateway is not None
    async with shop.db.read() as connection:
        references = await connection.fetch("select id from test_gateway_payment where token = 'page'")
    for row in references:
        await gateway.choose(row[0], choice)


async def test_money_that_comes_later_is_a_payment_of_its_order_from_the_beginning(
    db: Database, settings: Settings
) -> None:
    shop = shop_of(db, settings)
    shopper, number = await shop.buy(await make_product(db, price_minor=700), 2)
    order = await shop.orders.get(shopper, number)

    ((promise,), refunds) = await shop.checkouts.payments.of_order(order.id)

    at = order.placed_at
    assert promise == Attempt(
        id=promise.id,
        checkout_id=order.checkout_id,
        order_id=order.id,
        provider="invoice",
        method="invoice",
        amount_minor=1400,
        currency="USD",
        state="promised",
        created_at=at,
        updated_at=at,
        expires_at=at,
    )
    assert refunds == []
