"""When the shop, its keys or its provider are not in order: what did not move is not booked, nobody is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from pannier.checkout.completion import runner
from pannier.kernel.clock import ManualClock
from pannier.payments import (
    Attempt,
    PaymentFailedError,
    Providers,
    ProviderUnavailableError,
    Report,
    TestGateway,
    WebhookRefusedError,
    open_providers,
)
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.test_payment import SIGNS_WITH, charged, ledger, pay_on_page, payments_of, ready, shop_of
from tests.checkout.test_payment_meanwhile import Changed, attempt_of, gateway_of, left_unanswered, no_answer, the_order
from tests.support.books import faults
from tests.support.shop import Shop, count, stock_figures


async def refunds(db: Database) -> list[tuple[str, int]]:
    async with db.read() as connection:
        return [tuple(row) for row in await connection.fetch("select state, amount_minor from refund order by id")]


async def test_money_of_a_provider_whose_keys_are_gone_is_not_booked_as_moved(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    payments, order, paid = shop.checkouts.payments, await the_order(shop), await attempt_of(shop)
    keys = payments.providers
    payments.providers = Providers({}, ("invoice",))

    await payments.refund(order.id, 500, "one was broken", actor="staff")
    for act in (payments.capture, payments.void, payments.look_up):
        with pytest.raises(ProviderUnavailableError):
            await act(paid)
    with pytest.raises(WebhookRefusedError):
        await payments.begin_notice("test", {}, b"{}")

    assert await refunds(db) == [("pending", 500)]
    assert await ledger(db) == [("authorize", 2000), ("capture", 2000)]
    assert await charged(db) == 2000
    payments.providers = keys
    clock.advance(timedelta(minutes=1))
    await shop.checkouts.completion.resume()
    assert await refunds(db) == [("succeeded", 500)]
    assert await charged(db) == 1500
    assert await faults(db) == {}


async def test_a_refund_that_nobody_answers_is_tried_again_less_and_less_often(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    payments, asked = shop.checkouts.payments, []

    async def count_and_fail(*_: Any) -> Report:
        asked.append(clock.now())
        return await no_answer(*_[:1])

    payments.providers.put("test", Changed(db, refund=count_and_fail))
    await payments.refund((await the_order(shop)).id, 500, "", actor="staff")
    for _ in range(120):
        clock.advance(timedelta(minutes=1))
        await payments.resume_refunds()

    assert 5 < len(asked) < 20
    assert await refunds(db) == [("pending", 500)]


async def test_who_is_offered_no_more_still_answers_for_what_was_paid(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    later = Shop.of(db, settings, payment_methods=("invoice",))

    await later.checkouts.payments.refund((await the_order(later)).id, 500, "", actor="staff")

    assert await charged(db) == 1500
    assert later.checkouts.payments.providers.test_gateway is None
    assert later.checkouts.payments.providers.charging == frozenset()


async def test_stripe_answers_for_its_payments_whether_it_is_offered_or_not(db: Database, settings: Settings) -> None:
    keys = {"stripe_secret_key": SecretStr("sk_test_1"), "stripe_webhook_secret": SecretStr("whsec_1")}
    for offered in (("invoice",), ("invoice", "stripe")):
        providers = open_providers(db, settings.model_copy(update={**keys, "payment_methods": offered}))
        assert type(providers.of("stripe")).__name__ == "StripeProvider"
        assert providers.charging == set(offered) - {"invoice"}
        await providers.close()
    without = open_providers(db, settings.model_copy(update={"payment_methods": ("stripe", "cash_on_delivery")}))
    assert without.charging == {"stripe"}, "nobody gets goods for a payment that nobody makes"


@pytest.mark.parametrize("told", ["too much", "nothing one can read"])
async def test_an_answer_that_cannot_be_right_holds_up_nobody_else(
    db: Database, settings: Settings, clock: ManualClock, told: str
) -> None:
    shop = shop_of(db, settings)
    gateway = gateway_of(shop)
    sessions = [await ready(shop) for _ in range(3)]
    for _, shopper, session in sessions:
        await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)
    first = (await payments_of(db))[0]["id"]

    async def wrong(payment: Attempt) -> Report | None:
        if payment.id != first:
            return await gateway.look_up(payment)
        if told == "too much":
            return Report(state="captured", authorized_minor=2001, captured_minor=2001)
        raise ValueError(told)

    shop.checkouts.payments.providers.put("test", Changed(db, look_up=wrong))
    clock.advance(timedelta(seconds=31))
    await shop.checkouts.completion.resume()

    states = [(await shop.checkouts.get(shopper, session.id))["status"] for _, shopper, session in sessions]
    assert states == ["requires_escalation", "completed", "completed"]
    assert (await payments_of(db))[0]["captured_minor"] == 0
    shop.checkouts.payments.providers.put("test", gateway)
    clock.advance(timedelta(minutes=1))
    await shop.checkouts.completion.resume()
    assert await count(db, "orders") == 3
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "changes, lease_s",
    [
        ({}, 20),
        ({"payment_timeout_s": 10}, 28),
        ({"database_lock_timeout_s": 60}, 75),
        ({"payment_timeout_s": 10, "completion_lease_s": 25.5}, 25.5),
        ({"payment_timeout_s": 10, "completion_lease_s": 25}, None),
        ({"completion_lease_s": 15}, None),
    ],
)
def test_a_lease_outlasts_whoever_is_still_paying(changes: dict[str, Any], lease_s: float | None) -> None:
    if lease_s is not None:
        assert Settings(**changes).lease_s == lease_s
        return
    with pytest.raises(ValidationError, match="PANNIER_COMPLETION_LEASE_S has to be more than"):
        Settings(**changes)


async def test_a_webhook_is_about_payments_of_whoever_signs_it(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    paid = await attempt_of(shop)
    other = TestGateway(db, SIGNS_WITH, "/pay/other", code="other")
    shop.checkouts.payments.providers.put("other", other)
    told = {"id": "evt_1", "type": "payment.changed", "reference": "tp_1", "attempt_id": paid.id}
    body = msgspec.json.encode(told)

    _, found, _ = await shop.checkouts.payments.begin_notice("other", {"x-test-signature": other.signature(body)}, body)
    _, own, _ = await shop.checkouts.payments.begin_notice("test", {"x-test-signature": other.signature(body)}, body)

    assert found is None
    assert own == paid


async def test_what_the_test_gateway_signs_with_is_known_to_nobody(db: Database, settings: Settings) -> None:
    changed = settings.model_copy(update={"payment_methods": ("test",)})
    signatures = {gateway_of(Shop.of(db, changed)).signature(b"{}") for _ in range(2)}
    assert len(signatures) == 2
    with pytest.raises(ValidationError):
        Settings(test_gateway_secret=SecretStr("short"))


async def test_after_many_looks_at_an_open_page_one_hiccup_is_just_one(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    for _ in range(12):
        clock.advance(timedelta(minutes=2))
        await shop.checkouts.completion.resume()
    gateway = gateway_of(shop)
    shop.checkouts.payments.providers.put("test", Changed(db, look_up=no_answer))
    clock.advance((await attempt_of(shop)).due_at - clock.now())  # type: ignore[operator]  # it is waited for
    await shop.checkouts.completion.resume()

    (row,) = await payments_of(db)
    assert row["due_at"] < clock.now() + timedelta(seconds=15)

    shop.checkouts.payments.providers.put("test", gateway)
    await pay_on_page(shop)
    clock.advance(timedelta(seconds=15))
    await shop.checkouts.completion.resume()
    assert (await shop.checkouts.get(shopper, session.id))["status"] == "completed"


async def test_however_often_it_failed_a_payment_is_looked_at_when_its_time_is_up(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    waiting = await attempt_of(shop)

    await shop.checkouts.payments.try_again(replace(waiting, tries=12))

    assert (await attempt_of(shop)).due_at == waiting.expires_at
    clock.advance(timedelta(minutes=31))
    await shop.checkouts.payments.try_again(replace(waiting, tries=12))
    again = (await attempt_of(shop)).due_at
    assert again is not None
    assert again > clock.now() + timedelta(minutes=50)


async def test_webhooks_are_forgotten_when_nobody_tells_of_them_any_more(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings)
    for _ in range(2):
        _, shopper, session = await ready(shop)
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_twice")
        clock.advance(timedelta(days=80))
    assert await count(db, "payment_webhook") == 2

    assert await shop.checkouts.payments.prune(batch=1) == 1

    assert await count(db, "payment_webhook") == 1


async def test_who_asks_again_is_told_that_the_order_is_paid_and_not_how_it_stood_before(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    first = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")
    again = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")

    assert again.is_replay
    assert first.document["order"]["status"] == "paid"
    assert again.document == first.document


async def test_who_asks_again_after_the_job_has_taken_the_money_is_told_so(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    await left_unanswered(shop, shopper, session.id, idempotency_key="k")
    clock.advance(timedelta(seconds=21))
    await shop.checkouts.completion.resume()

    again = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")

    assert again.is_replay
    assert again.document["order"]["status"] == "paid"


async def test_who_asks_again_after_a_refused_capture_is_refused_again(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    told = []
    for _ in range(2):
        with pytest.raises(PaymentFailedError) as refused:
            await shop.checkouts.complete(shopper, session.id, payment_token="tok_capture_fails", idempotency_key="k")
        told.append((refused.value.message, refused.value.details))

    assert told[0] == told[1]
    assert await count(db, "orders") == 1


async def test_nobody_is_told_that_nothing_was_charged_for_an_order_that_stands(
    db: Database, settings: Settings
) -> None:
    """Somebody saw the payment declined, and while he was about to say so others had it paid, and placed the order."""
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    seen = replace(await attempt_of(shop), state="declined")
    await pay_on_page(shop)
    await shop.checkouts.completion.come_back(shopper, session.id)

    answer = await shop.checkouts.completion.run(seen, shopper, None)

    assert msgspec.json.decode(answer.body)["order"]["number"] == (await the_order(shop)).number
    assert await charged(db) == 2000
    assert await faults(db) == {}


@pytest.mark.parametrize("capture", ["at_once", "ordered"])
@pytest.mark.parametrize("broken", [("place_paid",), ("place_paid", "give_up")])
async def test_money_that_never_becomes_an_order_goes_back_in_the_end(
    db: Database,
    settings: Settings,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    capture: str,
    broken: tuple[str, ...],
) -> None:
    """A fault of ours stands against every attempt to place the order, and maybe to tell the checkout so."""
    shop = shop_of(db, settings, payment_capture=capture, checkout_ttl_s=86400, hold_at="order")
    variant, shopper, session = await ready(shop)

    def fail(*_: Any) -> Any:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as fault:
        for name in broken:
            fault.setattr(runner, name, fail)
        with pytest.raises(ValueError, match="a fault of ours"):
            await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")
        for _ in range(4):
            clock.advance(timedelta(minutes=10))
            await shop.checkouts.completion.resume()
        assert (await attempt_of(shop)).is_open, "a short trouble costs nobody an order"
        for _ in range(10):
            clock.advance(timedelta(hours=1))
            await shop.checkouts.completion.resume()

    assert await charged(db) == 0
    paid = await attempt_of(shop)
    assert (paid.is_open, paid.due_at) == (False, None)
    assert paid.failure is not None
    assert paid.failure["error"] == "PAYMENT_FAILED"
    assert paid.state == ("refunded" if capture == "at_once" else "voided")
    if broken == ("place_paid",):
        (message,) = (await shop.checkouts.get(shopper, session.id))["messages"]
        how = "is given back" if capture == "at_once" else "was not taken"
        assert message["text"].endswith(f"Order again, or ask the shop. Your payment {how}.")
    done = await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    assert done.order_number is not None
    assert await stock_figures(db, variant) == (3, 0)
    assert await faults(db) == {}


async def test_money_becomes_an_order_when_the_trouble_is_over_in_time(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)

    def fail(*_: Any) -> Any:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as fault:
        fault.setattr(runner, "place_paid", fail)
        with pytest.raises(ValueError, match="a fault of ours"):
            await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", idempotency_key="k")
        for _ in range(5):
            clock.advance(timedelta(minutes=5))
            await shop.checkouts.completion.resume()
    clock.advance(timedelta(minutes=10))
    await shop.checkouts.completion.resume()

    assert (await the_order(shop)).status == "paid"
    assert await charged(db) == 2000
    assert await faults(db) == {}
