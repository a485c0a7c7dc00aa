"""Many hands at one order: what is given back, sent back and sent is never more than there is."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from pannier.checkout.revising import Edit
from pannier.kernel.errors import PannierError
from pannier.orders import Asked, Given, OrderService, Refund, RefundService, ReturnService, WantedRefund
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.door import closed_door, with_door
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop, stock_figures

HANDS = 12
_STOCK_LOCK = "locked_at := stock_lock(v_variants, p_offset, cause);"

_EDIT_LOCK = (
    "perform stock_lock(array(select l.variant_id from order_line l where l.order_id = v_order) || p_more, "
    "p_offset, cause);"
)  # fmt: skip


class Till:
    """Pays out what it is told to, and counts it."""

    def __init__(self) -> None:
        self.paid_minor = 0

    async def ask(self, _: Connection, __: Refund) -> Sequence[uuid.UUID]:
        """Nobody is asked."""
        return ()

    async def give(self, refund: Refund) -> Given:
        self.paid_minor += refund.money_minor
        return Given("succeeded")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": HANDS + 2})


async def _at_once(*acts: Awaitable[Any]) -> Counter[str]:
    async def told(act: Awaitable[Any]) -> str:
        try:
            await act
        except PannierError as refusal:
            return refusal.error
        return "done"

    return Counter(await asyncio.gather(*map(told, acts)))


async def without(
    db: Database, function: str, *changes: tuple[str, str], drops: tuple[tuple[str, str], ...] = ()
) -> None:
    """Take a guard off: a function of the database as it would be without it, and the constraints behind it."""
    async with db.read() as connection:
        text = await connection.fetchval("select pg_get_functiondef($1::regproc)", function)
        for guard, instead in changes:
            assert guard in text
            text = text.replace(guard, instead)
        await connection.execute(text)
        for table, constraint in drops:
            await connection.execute(f"alter table {table} drop constraint {constraint}")


async def _unlock(db: Database) -> None:
    """Orders are read and judged without their lock, and without that of their stock; versions and numbers that two
    take at once are no hindrance."""
    await without(
        db,
        "order_lock",
        ("perform 1 from orders where id = v_order for update;", ""),
        (_STOCK_LOCK, "locked_at := clock_timestamp() + p_offset; perform pg_sleep(0.05);"),
        drops=(
            ("order_state", "order_state_pkey"),
            ("event", "event_pkey"),
            ("order_refund", "order_refund_order_id_number_key"),
            ("order_return", "order_return_order_id_number_key"),
            ("order_revision", "order_revision_pkey"),
        ),
    )


async def _unlock_edits(db: Database) -> None:
    """The same of what edits lock beside, and everybody has judged before the first one acts."""
    await _unlock(db)
    await without(db, "order_lock_stock", (_EDIT_LOCK, ""), drops=(("order_line", "order_line_pkey"),))
    revises = "if p_step->'rows' ? 'revision' then"
    await without(db, "order_step", (revises, f"perform pg_sleep(0.3); {revises}"))


async def _give_without_looking(db: Database) -> None:
    """Neither the condition nor the constraint looks whether so much is there."""
    await without(
        db,
        "order_money",
        ("and refunding_minor + coalesce((p_money->>'refunding')::bigint, 0)", ""),
        ("<= captured_minor + coalesce((p_money->>'captured')::bigint, 0)", ""),
        drops=(("orders", "orders_money"),),
    )


async def _refunds(db: Database, settings: Settings) -> tuple[Counter[str], int]:
    """What each of many was told who gave 300 of 1000 back at once, and what was paid out."""
    shop, till = Shop.of(db, settings), Till()
    _, number = await shop.buy(await make_product(db, price_minor=1000))
    await shop.orders.pay(STAFF, number)
    refunds = RefundService(db, till)
    return await _at_once(*[refunds.refund(STAFF, number, WantedRefund(300)) for _ in range(HANDS)]), till.paid_minor


async def test_no_more_is_given_back_than_was_paid(db: Database, settings: Settings) -> None:
    told, paid = await _refunds(db, settings)
    assert (told, paid) == ({"done": 3, "REFUND_EXCEEDS": HANDS - 3}, 900)
    assert await faults(db) == {}


async def test_the_condition_alone_is_enough(db: Database, settings: Settings) -> None:
    """Without the lock and the constraint the conditional update still decides."""
    await _unlock(db)
    async with db.read() as connection:
        await connection.execute("alter table orders drop constraint orders_money")
    told, paid = await _refunds(db, settings)
    assert (told, paid) == ({"done": 3, "REFUND_EXCEEDS": HANDS - 3}, 900)


async def test_without_its_guards_more_is_given_back(db: Database, settings: Settings) -> None:
    """The control: looking before giving is not enough."""
    await _unlock(db)
    await _give_without_looking(db)
    told, paid = await _refunds(db, settings)
    assert told["done"] > 3
    assert paid > 1000
    assert "order.money" in await faults(db)


async def _returns(
    db: Database, settings: Settings, variant: uuid.UUID, *, past_a_door: bool = False
) -> tuple[Counter[str], str]:
    """What each of many was told who noted two of five units as coming back at once.

    With a door three have judged before the first one writes."""
    shop = Shop.of(db, settings)
    _, number = await shop.buy(variant, 5)
    await shop.orders.pay(STAFF, number)
    await shop.orders.fulfil(STAFF, number)
    line = (await shop.orders.get(STAFF, number)).lines[0]
    returns = ReturnService(db, settings, RefundService(db))
    acts = [returns.request(STAFF, number, [Asked(line.id, 2)], is_approved=True) for _ in range(HANDS)]
    if not past_a_door:
        return await _at_once(*acts), number
    await with_door(db, "order_step")
    async with closed_door(settings.database_url or "") as door:
        told = asyncio.create_task(_at_once(*acts))
        await door.crowded(3)
    return await told, number


async def test_units_come_back_once(db: Database, settings: Settings) -> None:
    variant = await make_product(db, on_hand=10)
    told, number = await _returns(db, settings, variant)
    assert told == {"done": 2, "ORDER_QUANTITY": HANDS - 2}
    shop = Shop.of(db, settings)
    returns = ReturnService(db, settings, RefundService(db))
    _, after = await shop.orders.aftermath(STAFF, number)
    # Each is looked at by several at once as well.
    await _at_once(*[returns.complete(STAFF, number, one.id) for one in after.returns for _ in range(4)])
    assert await stock_figures(db, variant) == (9, 0)
    assert (await shop.orders.get(STAFF, number)).refunded_minor == 4 * 1000
    assert await faults(db) == {}


async def test_without_the_guards_units_come_back_twice(db: Database, settings: Settings) -> None:
    """The control: units that are counted under no lock, with no constraint behind them, come back again and again."""
    await _unlock(db)
    async with db.read() as connection:
        await connection.execute("alter table order_line drop constraint order_line_returned")
    told, number = await _returns(db, settings, await make_product(db, on_hand=10), past_a_door=True)
    assert told["done"] > 2
    assert (await Shop.of(db, settings).orders.get(STAFF, number)).lines[0].quantity_returning > 5
    assert "order_line.totals" in await faults(db)


@pytest.mark.parametrize("commit_at", ["order", "fulfilment"])
async def test_an_order_is_canceled_or_sent_and_never_both(db: Database, settings: Settings, commit_at: str) -> None:
    shop = Shop.of(db, settings, commit_at=commit_at)
    variant = await make_product(db, on_hand=100)
    for _ in range(10):
        on_hand, _ = await stock_figures(db, variant)
        shopper, number = await shop.buy(variant, 2)
        told = await _at_once(
            shop.orders.cancel(shopper, number), shop.orders.fulfil(STAFF, number), shop.orders.cancel(shopper, number)
        )
        order, after = await shop.orders.aftermath(STAFF, number)
        is_sent = order.status == "fulfilled"
        assert order.status in {"fulfilled", "canceled"}
        assert len(after.shipments) == (1 if is_sent else 0)
        assert await stock_figures(db, variant) == (on_hand - 2 * is_sent, 0)
        assert told["done"] >= 1
    assert await faults(db) == {}


async def test_without_the_lock_it_is_both(db: Database, settings: Settings) -> None:
    """The control: what is judged before it is locked is out of date when it is carried out."""
    shop = Shop.of(db, settings)
    variant = await make_product(db, on_hand=100)
    await _unlock(db)
    both = 0
    for _ in range(10):
        shopper, number = await shop.buy(variant, 2)
        await _at_once(shop.orders.cancel(shopper, number), shop.orders.fulfil(STAFF, number))
        states = [state.status for state in (await shop.orders.get(STAFF, number)).states]
        both += {"canceled", "fulfilled"} <= set(states)
    assert both


async def _canceled_and_refunded(db: Database, settings: Settings, hands: int = HANDS) -> tuple[Counter[str], int]:
    """What each was told of some who cancel an order of 1000 while others refund it, and what was paid out."""
    shop, till = Shop.of(db, settings), Till()
    refunds = RefundService(db, till)
    orders = OrderService(db, settings, refunds)
    _, number = await shop.buy(await make_product(db, price_minor=1000))
    await orders.pay(STAFF, number)
    cancels = [orders.cancel_units(STAFF, number) for _ in range(hands // 2)]
    acts = [*cancels, *[refunds.refund(STAFF, number, WantedRefund()) for _ in range(hands // 2)]]
    return await _at_once(*acts), till.paid_minor


async def test_an_order_that_is_canceled_and_refunded_at_once_gives_back_once(db: Database, settings: Settings) -> None:
    told, paid = await _canceled_and_refunded(db, settings)
    assert paid == 1000
    assert told["done"] >= HANDS // 2
    assert await faults(db) == {}


async def test_without_its_guards_it_gives_back_more_than_once(db: Database, settings: Settings) -> None:
    """The control: without lock, condition and constraint each of them pays out."""
    await _unlock(db)
    await _give_without_looking(db)
    # Two, since of more the stock would stop the third.
    _, paid = await _canceled_and_refunded(db, settings, hands=2)
    assert paid > 1000


async def _edited_by_two(db: Database, settings: Settings) -> tuple[Counter[str], Shop, str, uuid.UUID]:
    """What each was told of many who looked at an order of one stool, and put two lamps into it at once."""
    shop = Shop.of(db, settings)
    refunds = RefundService(db, Till())
    lamp = await make_product(db, on_hand=100, price_minor=500)
    _, number = await shop.buy(await make_product(db, price_minor=1000))
    version = (await shop.orders.get(STAFF, number)).version
    revisions = reviser_of(shop, refunds)
    told = await _at_once(
        *[revisions.edit(STAFF, number, Edit(added=[(lamp, 2)], version=version)) for _ in range(HANDS)]
    )
    return told, shop, number, lamp


async def test_of_those_who_edit_what_they_looked_at_one_does(db: Database, settings: Settings) -> None:
    told, shop, number, lamp = await _edited_by_two(db, settings)
    assert told == {"done": 1, "ORDER_CHANGED": HANDS - 1}
    order = await shop.orders.get(STAFF, number)
    assert (order.total_minor, [line.quantity for line in order.lines]) == (2000, [1, 2])
    assert await stock_figures(db, lamp) == (98, 0)
    assert await faults(db) == {}


async def test_without_the_locks_more_than_one_does(db: Database, settings: Settings) -> None:
    """The control: a version that is compared before the order is locked was somebody else's by then."""
    await _unlock_edits(db)
    told, *_ = await _edited_by_two(db, settings)
    assert told["done"] > 1


async def _exchanged(
    db: Database, settings: Settings, hands: int, completing: int = 0
) -> tuple[Counter[str], Shop, str]:
    """What each was told of some who exchange one of six units at 1000 for one at 400, while others refund it."""
    shop, till = Shop.of(db, settings), Till()
    refunds = RefundService(db, till)
    revisions, returns = reviser_of(shop, refunds), ReturnService(db, settings, refunds)
    large = await make_product(db, on_hand=10, price_minor=400)
    _, number = await shop.buy(await make_product(db, on_hand=10, price_minor=1000), 6)
    await shop.orders.pay(STAFF, number)
    await shop.orders.fulfil(STAFF, number)
    line = (await shop.orders.get(STAFF, number)).lines[0]
    for units in (1, 5):
        await returns.request(STAFF, number, [Asked(line.id, units)], is_approved=True)
    _, after = await shop.orders.aftermath(STAFF, number)
    one = after.returns[0].id
    told = await _at_once(
        *[revisions.exchange(STAFF, number, one, wanted=[(large, 1)]) for _ in range(hands)],
        *[returns.complete(STAFF, number, one) for _ in range(completing)],
    )
    order = await shop.orders.get(STAFF, number)
    sent = len(order.lines) - 1
    assert await stock_figures(db, large) == (10 - sent, 0)
    if hands + completing > 2:
        assert till.paid_minor == 1000 - 400 * sent
    return told, shop, number


async def test_of_those_who_exchange_a_return_one_does(db: Database, settings: Settings) -> None:
    told, shop, number = await _exchanged(db, settings, HANDS)
    assert told == {"done": 1, "RETURN_STATE": HANDS - 1}
    order = await shop.orders.get(STAFF, number)
    assert (len(order.lines), order.lines[0].quantity_returned, order.refunded_minor) == (2, 1, 600)
    assert await faults(db) == {}


async def test_a_return_is_exchanged_or_refunded_and_never_both(db: Database, settings: Settings) -> None:
    told, shop, number = await _exchanged(db, settings, HANDS // 2, HANDS // 2)
    order = await shop.orders.get(STAFF, number)
    sent = len(order.lines) - 1
    assert sent in {0, 1}
    # Whoever completes what is completed changes nothing, and whoever exchanges it is told.
    assert told == {"done": HANDS // 2 + sent, "RETURN_STATE": HANDS // 2 - sent}
    assert order.lines[0].quantity_returned == 1
    assert await faults(db) == {}


async def test_without_the_locks_it_is_exchanged_twice(db: Database, settings: Settings) -> None:
    """The control: a return that is looked at before the order is locked was somebody else's by then."""
    await _unlock_edits(db)
    await without(db, "order_write_return", ("if not found then", "if false then"))
    told, shop, number = await _exchanged(db, settings, 2)
    assert told == {"done": 2}
    assert len((await shop.orders.get(STAFF, number)).lines) == 3
    assert "order.returns" in await faults(db)
