"""Money that no order came of is owed until it is given back, whatever the provider says first."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from pannier.checkout import CheckoutPatch
from pannier.checkout.completion import runner
from pannier.inventory import Cause, InventoryService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.payments import Attempt, Report
from pannier.platform.database import Database
from pannier.platform.idempotency import Key, key_of
from pannier.platform.settings import Settings
from tests.checkout.test_payment import charged, ledger, pay_on_page, payments_of, ready, shop_of
from tests.checkout.test_payment_meanwhile import Changed, attempt_of, gateway_of, no_answer, refused
from tests.support.books import faults
from tests.support.shop import Shop, count


async def sold_out_when_paid(shop: Shop) -> None:
    """A shopper has paid, and what she paid for is gone."""
    variant, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await InventoryService(shop.db, shop.settings).count(variant, 1, Cause("staff", "counted"))
    await pay_on_page(shop)
    await shop.checkouts.completion.come_back(shopper, session.id)


@pytest.mark.parametrize("first", ["refused", "not answered, and refused to the job"])
async def test_money_of_no_order_whose_refund_is_refused_is_given_back_when_that_can_be_done(
    db: Database, settings: Settings, clock: ManualClock, first: str
) -> None:
    shop = shop_of(db, settings, hold_at="payment", commit_at="payment")
    gateway = gateway_of(shop)
    shop.checkouts.payments.providers.put("test", Changed(db, refund=refused if first == "refused" else no_answer))
    await sold_out_when_paid(shop)
    shop.checkouts.payments.providers.put("test", Changed(db, refund=refused))
    for _ in range(8):
        clock.advance(timedelta(minutes=1))
        await shop.checkouts.completion.resume()
    assert await charged(db) == 2000
    assert [row["due_at"] is None for row in await payments_of(db)] == [False]
    assert 2 < await count(db, "refund") < 8, "it is asked for less and less often"
    assert await faults(db) == {}

    shop.checkouts.payments.providers.put("test", gateway)
    clock.advance(timedelta(hours=1))
    await shop.checkouts.completion.resume()

    assert await charged(db) == 0
    assert await ledger(db) == [("authorize", 2000), ("capture", 2000), ("refund", 2000)]
    assert [(row["state"], row["due_at"]) for row in await payments_of(db)] == [("refunded", None)]
    assert await faults(db) == {}


async def test_a_refund_that_is_refused_for_good_is_told_of_once_and_tried_no_oftener_than_daily(
    db: Database, settings: Settings, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    shop = shop_of(db, settings, hold_at="payment", commit_at="payment")
    shop.checkouts.payments.providers.put("test", Changed(db, refund=refused))
    await sold_out_when_paid(shop)
    for _ in range(80):
        clock.advance(timedelta(hours=6))
        await shop.checkouts.completion.resume()

    assert await count(db, "refund") < 40, "in twenty days"
    (row,) = await payments_of(db)
    assert timedelta(hours=23) < row["due_at"] - row["updated_at"] < timedelta(hours=25)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.getMessage().startswith("refund ") for record in errors] == [True]
    async with db.read() as connection:
        told = await connection.fetch("select aggregate_id, data from event where type = 'payment.refund_failed'")
    assert [(event["aggregate_id"], event["data"]["amount_minor"]) for event in told] == [(row["id"], 2000)]
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_money_of_no_order_that_was_given_back_at_the_provider_s_is_owed_no_more(
    db: Database, settings: Settings
) -> None:
    """Somebody in the office has given it back by hand, so the provider refuses to do it again."""
    shop = shop_of(db, settings, hold_at="payment", commit_at="payment")
    gateway = gateway_of(shop)

    async def by_hand(payment: Attempt, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Report:
        await gateway.refund(payment, uuid7(), amount_minor, reason)
        return await gateway.refund(payment, refund_id, amount_minor, reason)

    shop.checkouts.payments.providers.put("test", Changed(db, refund=by_hand))
    await sold_out_when_paid(shop)

    assert await charged(db) == 0
    assert [(row["state"], row["due_at"]) for row in await payments_of(db)] == [("refunded", None)]
    assert await ledger(db) == [("authorize", 2000), ("capture", 2000), ("refund", 2000)]
    assert await faults(db) == {}


async def test_money_of_a_request_whose_key_is_another_s_by_now_goes_back_too(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_of(db, settings, checkout_ttl_s=86400)
    _, shopper, session = await ready(shop)
    mine = key_of(shopper, "k", method="POST", target="/complete")
    assert mine is not None

    def fail(*_: Any) -> Any:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(runner, "place_paid", fail)
    with pytest.raises(ValueError, match="a fault of ours"):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds", key=mine)
    other = Key(mine.owner, mine.key, b"x" * 32)
    with pytest.raises(PannierError):
        await shop.checkouts.update(shopper, session.id, CheckoutPatch(note="by the door"), key=other)
    for _ in range(14):
        clock.advance(timedelta(hours=1))
        await shop.checkouts.completion.resume()

    assert await charged(db) == 0
    paid = await attempt_of(shop)
    assert (paid.is_open, paid.due_at, paid.state) == (False, None, "refunded")
    assert await faults(db) == {}
