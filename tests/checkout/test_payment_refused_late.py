"""A payment that is refused when the order stands already: what was paid otherwise, or sent, is not canceled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pannier.inventory import InsufficientStockError
from pannier.kernel.clock import ManualClock
from pannier.payments import ProviderUnavailableError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.test_payment import charged, payments_of, ready, shop_of
from tests.checkout.test_payment_meanwhile import Changed, no_answer, refused, the_order
from tests.support.books import faults
from tests.support.shop import STAFF, stock_figures


@pytest.mark.parametrize(
    "meanwhile, ends, stock",
    [
        ("nothing", ("canceled", "void", 0), (5, 0)),
        ("paid", ("paid", "paid", 2000), None),
        ("sent", ("fulfilled", "pending", 0), None),
    ],
)
async def test_an_order_that_was_paid_by_hand_or_sent_is_not_canceled_when_its_payment_is_refused(
    db: Database,
    settings: Settings,
    clock: ManualClock,
    meanwhile: str,
    ends: tuple[str, str, int],
    stock: tuple[int, int] | None,
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    variant, shopper, session = await ready(shop)
    shop.checkouts.payments.providers.put("test", Changed(db, capture=no_answer))
    with pytest.raises(ProviderUnavailableError):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    number = (await the_order(shop)).number
    if meanwhile == "paid":
        await shop.orders.pay(STAFF, number)
    if meanwhile == "sent":
        await shop.orders.fulfil(STAFF, number)
    before = await stock_figures(db, variant)

    shop.checkouts.payments.providers.put("test", Changed(db, capture=refused))
    clock.advance(timedelta(minutes=1))
    await shop.checkouts.completion.resume()

    order = await the_order(shop)
    assert (order.status, order.payment_status, order.captured_minor) == ends
    assert await stock_figures(db, variant) == (stock or before)
    assert [(row["is_open"], row["due_at"]) for row in await payments_of(db)] == [(False, None)]
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_what_stands_against_settling_is_logged_and_tried_again_less_and_less_often(
    db: Database, settings: Settings, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered")
    _, shopper, session = await ready(shop)
    tried = []

    async def short(*_: Any, **__: Any) -> None:
        tried.append(clock.now())
        raise InsufficientStockError("They were sold meanwhile.")

    orders = shop.checkouts.completion._orders
    book = orders.book
    orders.book = short  # type: ignore[method-assign]  # as goods that are gone by then
    with pytest.raises(InsufficientStockError):
        await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    for _ in range(60):
        clock.advance(timedelta(minutes=1))
        await shop.checkouts.completion.resume()
    assert 3 < len(tried) < 20
    assert "is not settled: INSUFFICIENT_STOCK" in caplog.text

    orders.book = book  # type: ignore[method-assign]  # they are there again
    clock.advance(timedelta(hours=2))
    await shop.checkouts.completion.resume()
    assert (await the_order(shop)).status == "paid"
    assert await faults(db) == {}
