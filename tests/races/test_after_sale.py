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
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop, stock_figures

HANDS = 12
_STOCK_LOCK = (
    "locked_at := stock_lock(array(select l.variant_id from order_line l where l.order_id = v_order), p_offset, cause);"
)

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


async def _without(
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
    """Orders are read and judged without their lock, and without that of their stock."""
    await _without(
        db,
        "order_lock",
        ("perform 1 from orders where id = v_order for update;", ""),
        (
            _STOCK_LOCK,
            "locked_at := clock_timestamp() + p_offset; perform pg_sleep(0.05);",
        ),
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
    shop, till = Shop.of(db, settings), Till()
    _, number = await shop.buy(await make_product(db, price_minor=1000))
    async with db.read() as connection:
        order_id = (await shop.orders.get(STAFF, number)).id
        await connection.execute("update orders set captured_minor = 1000 where id = $1", order_id)

    async def ask() -> None:
        async with db.read() as connection:
            await connection.execute("select order_money($1, $2)", order_id, {"refunding": 300})

    answers = await asyncio.gather(*[ask() for _ in range(HANDS)], return_exceptions=True)
    assert sum(answer is None for answer in answers) == 3
    assert till.paid_minor == 0


async def test_without_its_guards_more_is_given_back(db: Database, settings: Settings) -> None:
    """The control: looking before giving is not enough."""
    shop, till = Shop.of(db, settings), Till()
    _, number = await shop.buy(await make_product(db, price_minor=1000))
    await shop.orders.pay(STAFF, number)
    order = await shop.orders.get(STAFF, number)
    await _without(
        db,
        "order_money",
        ("and refunding_minor + coalesce((p_money->>'refunding')::bigint, 0)", ""),
        ("<= captured_minor + coalesce((p_money->>'captured')::bigint, 0)", ""),
        drops=(("orders", "orders_money"),),
    )

    async def ask() -> None:
        async with db.read() as connection:
            there = await connection.fetchval(
                "select captured_minor - refunding_minor from orders where id = $1", order.id
            )
            if there >= 300:
                await connection.execute("select pg_sleep(0.05)")
                await connection.execute("select order_money($1, $2)", order.id, {"refunding": 300})
                till.paid_minor += 300

    await asyncio.gather(*[ask() for _ in range(HANDS)])
    assert till.paid_minor > 1000
    assert "order.money" in await faults(db)


async def _returns(db: Database, settings: Settings, variant: uuid.UUID) -> tuple[Counter[str], str]:
    """What each of many was told who noted two of five units as coming back at once."""
    shop = Shop.of(db, settings)
    _, number = await shop.buy(variant, 5)
    await shop.orders.pay(STAFF, number)
    await shop.orders.fulfil(STAFF, number)
    line = (await shop.orders.get(STAFF, number)).lines[0]
    returns = ReturnService(db, settings, RefundService(db))
    acts = [returns.request(STAFF, number, [Asked(line.id, 2)], is_approved=True) for _ in range(HANDS)]
    return await _at_once(*acts), number


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
    """The control: units that nobody counts under a lock, with no constraint behind them, come back again and again."""
    shop = Shop.of(db, settings)
    _, number = await shop.buy(await make_product(db, on_hand=10), 5)
    await shop.orders.fulfil(STAFF, number)
    order = await shop.orders.get(STAFF, number)
    async with db.read() as connection:
        await connection.execute("alter table order_line drop constraint order_line_returned")

    async def ask() -> None:
        async with db.read() as connection:
            there = await connection.fetchval(
                "select quantity_sent - quantity_returning - quantity_returned from order_line where order_id = $1",
                order.id,
            )
            if there >= 2:
                await connection.execute("select pg_sleep(0.05)")
                await connection.execute(
                    "update order_line set quantity_returning = quantity_returning + 2 where order_id = $1", order.id
                )

    await asyncio.gather(*[ask() for _ in range(HANDS)])
    assert (await shop.orders.get(STAFF, number)).lines[0].quantity_returning > 5
    assert "order_line.totals" in await faults(db)


async def test_an_order_is_canceled_or_sent_and_never_both(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, commit_at="fulfilment")
    variant = await make_product(db, on_hand=100)
    for _ in range(10):
        shopper, number = await shop.buy(variant, 2)
        before = await stock_figures(db, variant)
        told = await _at_once(
            shop.orders.cancel(shopper, number), shop.orders.fulfil(STAFF, number), shop.orders.cancel(shopper, number)
        )
        order, after = await shop.orders.aftermath(STAFF, number)
        is_sent = order.status == "fulfilled"
        assert order.status in {"fulfilled", "canceled"}
        assert len(after.shipments) == (1 if is_sent else 0)
        assert await stock_figures(db, variant) == (before[0] - 2 * is_sent, before[1] - 2)
        assert told["done"] >= 1
    assert await faults(db) == {}


async def test_without_the_lock_it_is_both(db: Database, settings: Settings) -> None:
    """The control: what is judged before it is locked is out of date when it is carried out."""
    shop = Shop.of(db, settings, commit_at="fulfilment")
    variant = await make_product(db, on_hand=100)
    await _unlock(db)
    is_wrong = 0
    for _ in range(10):
        shopper, number = await shop.buy(variant, 2)
        answers = await asyncio.gather(
            shop.orders.cancel(shopper, number), shop.orders.fulfil(STAFF, number), return_exceptions=True
        )
        # Both were let through; only that the other's rows are gone, or a version is taken, stops the second.
        is_wrong += not any(isinstance(answer, PannierError) for answer in answers)
    assert is_wrong


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
    await _without(
        db,
        "order_money",
        ("and refunding_minor + coalesce((p_money->>'refunding')::bigint, 0)", ""),
        ("<= captured_minor + coalesce((p_money->>'captured')::bigint, 0)", ""),
        drops=(("orders", "orders_money"), ("order_state", "order_state_pkey"), ("event", "event_pkey"),
               ("order_refund", "order_refund_order_id_number_key")),
    )  # fmt: skip
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
    await _unlock(db)
    await _without(
        db,
        "order_lock_stock",
        (_EDIT_LOCK, ""),
    )
    await _without(
        db,
        "order_step",
        ("if p_step->'rows' ? 'revision' then", "perform pg_sleep(0.3); if p_step->'rows' ? 'revision' then"),
        drops=(
            ("order_state", "order_state_pkey"),
            ("event", "event_pkey"),
            ("order_line", "order_line_pkey"),
            ("order_revision", "order_revision_pkey"),
        ),
    )
    told, *_ = await _edited_by_two(db, settings)
    assert told["done"] > 1


async def test_an_exchange_that_two_carry_out_sends_once(db: Database, settings: Settings) -> None:
    shop, till = Shop.of(db, settings), Till()
    refunds = RefundService(db, till)
    revisions, returns = reviser_of(shop, refunds), ReturnService(db, settings, refunds)
    large = await make_product(db, on_hand=10, price_minor=400)
    _, number = await shop.buy(await make_product(db, on_hand=10, price_minor=1000))
    await shop.orders.pay(STAFF, number)
    await shop.orders.fulfil(STAFF, number)
    line = (await shop.orders.get(STAFF, number)).lines[0]
    await returns.request(STAFF, number, [Asked(line.id, 1)], is_approved=True)
    _, after = await shop.orders.aftermath(STAFF, number)
    one = after.returns[0].id
    told = await _at_once(
        *[revisions.exchange(STAFF, number, one, wanted=[(large, 1)]) for _ in range(HANDS // 2)],
        *[returns.complete(STAFF, number, one) for _ in range(HANDS // 2)],
    )
    assert told == {"done": HANDS}
    order = await shop.orders.get(STAFF, number)
    sent = len(order.lines) - 1
    assert (till.paid_minor, await stock_figures(db, large)) == (1000 - 400 * sent, (10 - sent, 0))
    assert await faults(db) == {}
