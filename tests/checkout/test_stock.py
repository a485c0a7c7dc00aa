"""When stock moves: every hold_at with every commit_at, from the cart to the goods' leaving, and back."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from pannier.inventory import InsufficientStockError
from pannier.kernel.clock import ManualClock
from pannier.orders import OrderClosedError, OrderNotCancelableError
from pannier.platform.database import Database
from pannier.platform.settings import CommitAt, HoldAt, Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, STAFF, Shop, guest, stock_figures

STAGES = ("add", "checkout", "order", "payment", "fulfilment")
# Each test goes through every commit_at, since a database of its own is the dearest part of it.
every_hold_at = pytest.mark.parametrize("hold_at", get_args(HoldAt))
COMMIT_AT = get_args(CommitAt)


def expected(hold_at: str, commit_at: str, stage: str) -> tuple[int, int]:
    """(on_hand, held) of 10 units, 3 of which are bought, once the stage is over."""
    if hold_at == "immediate":
        return 7, 0
    now, hold, commit = STAGES.index(stage), STAGES.index(hold_at), STAGES.index(commit_at)
    if now >= max(hold, commit):
        return 7, 0
    return (10, 3) if now >= hold else (10, 0)


@every_hold_at
async def test_units_are_held_and_committed_at_their_stages(db: Database, settings: Settings, hold_at: str) -> None:
    for commit_at in COMMIT_AT:
        shop = Shop.of(db, settings, hold_at=hold_at, commit_at=commit_at)
        variant, uncounted = await make_product(db, on_hand=10), await make_product(db, on_hand=None)
        shopper = guest()
        await shop.fill(shopper, variant, 3)
        await shop.fill(shopper, uncounted, 2)
        seen = {"add": await stock_figures(db, variant)}
        session = await shop.checkouts.create_checkout(shopper, DETAILS)
        seen["checkout"] = await stock_figures(db, variant)
        done = await shop.checkouts.complete(shopper, session.id)
        number = done.order_number or ""
        seen["order"] = await stock_figures(db, variant)
        await shop.orders.pay(STAFF, number)
        seen["payment"] = await stock_figures(db, variant)
        await shop.orders.fulfil(STAFF, number)
        seen["fulfilment"] = await stock_figures(db, variant)
        assert seen == {stage: expected(hold_at, commit_at, stage) for stage in STAGES}
        order = await shop.orders.get(shopper, number)
        assert (order.status, order.payment_status) == ("fulfilled", "paid")
        assert [line.stock_state for line in order.lines] == ["committed", "untracked"]
        assert await faults(db) == {}


@pytest.mark.parametrize("is_paid", [False, True])
@every_hold_at
async def test_a_canceled_order_gives_its_stock_back(
    db: Database, settings: Settings, hold_at: str, is_paid: bool
) -> None:
    for commit_at in COMMIT_AT:
        shop = Shop.of(db, settings, hold_at=hold_at, commit_at=commit_at)
        variant = await make_product(db, on_hand=10)
        shopper, number = await shop.buy(variant, 3)
        if is_paid:
            await shop.orders.pay(STAFF, number)
        await shop.orders.cancel(shopper, number, reason="changed my mind")
        assert await stock_figures(db, variant) == (10, 0)
        await shop.orders.cancel(shopper, number)
        assert await stock_figures(db, variant) == (10, 0)
        order = await shop.orders.get(shopper, number)
        assert (order.status, order.payment_status) == ("canceled", "paid" if is_paid else "void")
        assert [(state.status, state.reason) for state in order.states][-1] == ("canceled", "changed my mind")
        for act in (shop.orders.pay(STAFF, number), shop.orders.fulfil(STAFF, number)):
            with pytest.raises(OrderClosedError):
                await act
        assert await faults(db) == {}


@every_hold_at
async def test_goods_may_leave_before_they_are_paid(db: Database, settings: Settings, hold_at: str) -> None:
    for commit_at in COMMIT_AT:
        shop = Shop.of(db, settings, hold_at=hold_at, commit_at=commit_at)
        variant = await make_product(db, on_hand=10)
        shopper, number = await shop.buy(variant, 3)
        await shop.orders.fulfil(STAFF, number)
        assert await stock_figures(db, variant) == (7, 0)
        with pytest.raises(OrderNotCancelableError):
            await shop.orders.cancel(shopper, number)
        await shop.orders.pay(STAFF, number)
        order = await shop.orders.get(shopper, number)
        assert (order.status, order.payment_status) == ("fulfilled", "paid")
        assert await stock_figures(db, variant) == (7, 0)
        assert await faults(db) == {}


async def test_held_at_payment_a_short_order_cannot_be_paid(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="payment", commit_at="payment")
    variant = await make_product(db, on_hand=4)
    _, first = await shop.buy(variant, 3)
    _, second = await shop.buy(variant, 3)
    await shop.orders.pay(STAFF, first)
    with pytest.raises(InsufficientStockError) as refused:
        await shop.orders.pay(STAFF, second)
    assert (refused.value.details["requested"], refused.value.details["available"]) == (3, 1)
    assert refused.value.details["items"][0]["variant_id"] == str(variant)
    assert (await shop.orders.get(STAFF, second)).status == "pending"
    assert await stock_figures(db, variant) == (1, 0)


@pytest.mark.parametrize("hold_at", ["order", "payment"])
async def test_without_a_hold_completion_looks_whether_the_goods_are_there(
    db: Database, settings: Settings, hold_at: str
) -> None:
    shop = Shop.of(db, settings, hold_at=hold_at)
    variant = await make_product(db, on_hand=3)
    slow, session = await shop.ready(variant, 2)
    _, number = await shop.buy(variant, 2)
    if hold_at == "payment":
        await shop.orders.pay(STAFF, number)
    with pytest.raises(InsufficientStockError) as refused:
        await shop.checkouts.complete(slow, session.id)
    assert (refused.value.details["requested"], refused.value.details["available"]) == (2, 1)
    assert await faults(db) == {}


async def test_held_at_checkout_the_second_checkout_is_refused(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="checkout")
    variant = await make_product(db, on_hand=1)
    first, second = guest(), guest()
    for shopper in (first, second):
        await shop.fill(shopper, variant)
    session = await shop.checkouts.create_checkout(first, DETAILS)
    with pytest.raises(InsufficientStockError):
        await shop.checkouts.create_checkout(second, DETAILS)
    await shop.checkouts.cancel(first, session.id)
    assert await stock_figures(db, variant) == (1, 0)
    taken = await shop.checkouts.create_checkout(second, DETAILS)
    assert await stock_figures(db, variant) == (1, 1)
    assert (await shop.checkouts.complete(second, taken.id)).order_number is not None
    assert await faults(db) == {}


async def test_a_hold_of_a_checkout_ends_with_it(db: Database, settings: Settings, clock: ManualClock) -> None:
    shop = Shop.of(db, settings, hold_at="checkout", checkout_ttl_s=600)
    variant = await make_product(db, on_hand=1)
    await shop.ready(variant)
    clock.advance(timedelta(seconds=601))
    _, number = await shop.buy(variant)
    assert (await shop.orders.get(STAFF, number)).total_quantity == 1
    assert await stock_figures(db, variant) == (0, 0)
    assert await faults(db) == {}


async def test_what_the_shopper_adds_to_an_open_checkout_is_held_at_completion(
    db: Database, settings: Settings
) -> None:
    shop = Shop.of(db, settings, hold_at="checkout")
    variant = await make_product(db, on_hand=5)
    shopper, session = await shop.ready(variant, 2)
    await shop.fill(shopper, variant, 2)
    await shop.checkouts.update(shopper, session.id)
    assert await stock_figures(db, variant) == (5, 4)
    await shop.checkouts.complete(shopper, session.id)
    assert await stock_figures(db, variant) == (1, 0)
    assert await faults(db) == {}


async def test_an_order_of_what_is_no_longer_counted_can_be_paid(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="payment", commit_at="payment")
    variant = await make_product(db, on_hand=5)
    _, number = await shop.buy(variant, 3)
    async with db.read() as connection:
        await connection.execute(
            "update stock set is_tracked = false, safety_quantity = 5 where variant_id = $1", variant
        )
    await shop.orders.pay(STAFF, number)
    order = await shop.orders.get(STAFF, number)
    assert (order.payment_status, order.lines[0].stock_state) == ("paid", "untracked")
    assert await stock_figures(db, variant) == (5, 0)
