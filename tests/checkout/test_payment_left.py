"""A payment that waits for its shopper, and what she does meanwhile: nobody leaves one that she has made already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pannier.checkout import CheckoutPatch
from pannier.checkout.completion.runner import Completion
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.test_payment import BY_CARD, charged, pay_on_page, payments_of, ready, shop_of
from tests.checkout.test_payment_meanwhile import attempt_of, the_order
from tests.support.books import faults
from tests.support.shop import Shop, count

Act = Callable[[Shop, Any, Any], Awaitable[Any]]


async def change(shop: Shop, shopper: Any, checkout_id: Any) -> Any:
    return await shop.checkouts.update(shopper, checkout_id, CheckoutPatch(note="by the door"))


async def tell_the_same(shop: Shop, shopper: Any, checkout_id: Any) -> Any:
    return await shop.checkouts.update(shopper, checkout_id, BY_CARD)


async def calculate(shop: Shop, shopper: Any, checkout_id: Any) -> Any:
    return await shop.checkouts.update(shopper, checkout_id, event="checkout.calculated")


async def begin_again(shop: Shop, shopper: Any, _: Any) -> Any:
    return await shop.checkouts.create_checkout(shopper)


async def begin_and_tell_the_same(shop: Shop, shopper: Any, _: Any) -> Any:
    return await shop.checkouts.create_checkout(shopper, BY_CARD)


async def begin_and_change(shop: Shop, shopper: Any, _: Any) -> Any:
    return await shop.checkouts.create_checkout(shopper, CheckoutPatch(note="by the door"))


async def cancel(shop: Shop, shopper: Any, checkout_id: Any) -> Any:
    return await shop.checkouts.cancel(shopper, checkout_id)


SAME = pytest.mark.parametrize("act", [tell_the_same, calculate, begin_again, begin_and_tell_the_same])
OTHER = pytest.mark.parametrize("act", [change, begin_and_change, cancel])


@SAME
@pytest.mark.parametrize("hold_at", ["add", "checkout"])
async def test_what_changes_nothing_does_not_end_a_payment(
    db: Database, settings: Settings, act: Act, hold_at: str
) -> None:
    shop = shop_of(db, settings, hold_at=hold_at)
    _, shopper, session = await ready(shop)
    waiting = await shop.checkouts.complete(shopper, session.id)

    told = await act(shop, shopper, session.id)

    assert told.document["status"] == "requires_escalation"
    assert told.document["links"] == waiting.document["links"] != []
    assert told.id == session.id
    await pay_on_page(shop)
    await shop.checkouts.completion.come_back(shopper, session.id)
    assert (await shop.checkouts.get(shopper, session.id))["status"] == "completed"
    assert await charged(db) == 2000
    assert await count(db, "payment_attempt") == 1
    assert await faults(db) == {}


@OTHER
async def test_who_has_paid_has_ordered_whatever_she_wants_to_change_by_then(
    db: Database, settings: Settings, act: Act
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)

    with pytest.raises(PannierError) as refused:
        await act(shop, shopper, session.id)

    assert refused.value.error in {"CHECKOUT_CLOSED", "EMPTY_CART"}
    order = await the_order(shop)
    assert (order.status, order.note) == ("paid", None)
    assert await charged(db) == 2000
    assert await faults(db) == {}


@OTHER
async def test_a_payment_that_is_there_and_not_yet_an_order_is_not_left(
    db: Database, settings: Settings, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook has found the money, and its order is being placed at this moment by somebody else."""
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await pay_on_page(shop)
    attempt = await attempt_of(shop)
    await shop.checkouts.payments.look_up(attempt)

    with monkeypatch.context() as busy:
        busy.setattr(Completion, "advance", _do_nothing)
        with pytest.raises(PannierError) as refused:
            await act(shop, shopper, session.id)
    assert refused.value.error == "COMPLETION_IN_PROGRESS"

    await shop.checkouts.completion.advance(attempt)
    assert (await the_order(shop)).status == "paid"
    assert await charged(db) == 2000
    assert await faults(db) == {}


@OTHER
async def test_a_payment_that_nobody_has_made_is_left_by_what_changes_it(
    db: Database, settings: Settings, act: Act
) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)

    left = await act(shop, shopper, session.id)

    assert left.document["status"] in {"ready_for_complete", "canceled"}
    await shop.checkouts.completion.resume()
    await pay_on_page(shop)
    assert [row["state"] for row in await payments_of(db)] == ["voided"]
    assert await charged(db) == 0
    assert await faults(db) == {}


async def test_a_payment_of_what_costs_something_else_by_now_is_left(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, hold_at="order")
    variant, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id)
    await shop.fill(shopper, variant, 1)

    told = await calculate(shop, shopper, session.id)

    assert told.document["status"] == "ready_for_complete"
    assert told.document["totals"]["total"]["amount"] == 3000


async def _do_nothing(*_: Any) -> None:
    return None
