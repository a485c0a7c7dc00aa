"""Many at once: one order a checkout, and never a unit more than there is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest

from pannier.cart import Change, Command
from pannier.checkout.errors import EmptyCartError, TotalChangedError
from pannier.inventory import InsufficientStockError
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.idempotency import IdempotencyInFlightError
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.door import PATIENT, closed_door, with_door
from tests.support.failures import block_records, end_waiting
from tests.support.shop import DETAILS, STAFF, Shop, count, guest, owner_of, stock_figures

T = TypeVar("T")
CROWD = 20


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """So many connections that all of the crowd are inside at once."""
    return settings.model_copy(update={"database_pool_size": CROWD + 4, **PATIENT})


async def together(*acts: Awaitable[T]) -> list[T | BaseException]:
    return await asyncio.gather(*acts, return_exceptions=True)


def outcomes(results: list[Any]) -> Counter[str]:
    return Counter(result.error if isinstance(result, PannierError) else type(result).__name__ for result in results)


async def complete_by_a_crowd(shop: Shop) -> list[Any]:
    """Twenty devices of one shopper complete one checkout, each as if it were the only one."""
    shopper, session = await shop.ready(await make_product(shop.db, on_hand=100), 2)
    return await together(
        *(shop.checkouts.complete(shopper, session.id, idempotency_key=f"device-{n}") for n in range(CROWD))
    )


async def test_a_checkout_completed_by_many_becomes_one_order(db: Database, settings: Settings) -> None:
    results = await complete_by_a_crowd(Shop.of(db, settings))
    assert len({result.order_number for result in results}) == 1
    assert await count(db, "orders") == 1
    assert await faults(db) == {}


async def test_without_lock_and_constraint_the_same_makes_more_than_one_order(db: Database, settings: Settings) -> None:
    """The negative control: the test above proves something only if this one finds several orders."""
    async with db.read() as connection:
        await connection.execute("alter table orders drop constraint orders_one_per_checkout")
        # The stock is left out, too: its own lock would make the crowd queue.
        for name in ("checkout_lock", "checkout_place"):
            source = await connection.fetchval("select pg_get_functiondef(oid) from pg_proc where proname = $1", name)
            weak = source.replace(" for update", "").replace("if p_locks_stock then", "if false then")
            weak = weak.replace("if cardinality(p_variants) > 0 then", "if false then")
            assert weak != source, f"{name} locks nothing: this control controls nothing"
            await connection.execute(weak)
        # Without the lock on the cart each would write the next event of it.
        await connection.execute("alter table event drop constraint event_pkey")
    await with_door(db, "checkout_place")
    async with closed_door(settings.database_url or "") as door:
        crowd = asyncio.create_task(complete_by_a_crowd(Shop.of(db, settings)))
        await door.crowded(2)
    await crowd
    assert await count(db, "orders") > 1


async def test_one_key_sent_many_times_at_once_is_carried_out_once(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    shopper, session = await shop.ready(await make_product(db))
    results = await together(
        *(shop.checkouts.complete(shopper, session.id, idempotency_key="the-key") for _ in range(CROWD))
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(error, IdempotencyInFlightError) for error in refused)
    assert all(error.headers == {"Retry-After": "1"} for error in refused if isinstance(error, PannierError))
    assert len(refused) < CROWD
    assert await count(db, "orders") == 1
    assert await count(db, "idempotency_record") == 1


@pytest.mark.parametrize("hold_at", ["order", "checkout"])
async def test_the_last_unit_is_sold_once(db: Database, settings: Settings, hold_at: str) -> None:
    shop = Shop.of(db, settings, hold_at=hold_at)
    variant = await make_product(db, on_hand=1)

    async def buy() -> str | None:
        shopper = guest()
        await shop.fill(shopper, variant)
        session = await shop.checkouts.create_checkout(shopper, DETAILS)
        return (await shop.checkouts.complete(shopper, session.id)).order_number

    results = await together(*(buy() for _ in range(CROWD)))
    assert outcomes(results) == {"str": 1, "INSUFFICIENT_STOCK": CROWD - 1}
    assert await stock_figures(db, variant) == (0, 0)
    assert await count(db, "orders") == 1
    assert await faults(db) == {}


async def test_paid_at_once_the_last_unit_goes_to_one_order(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="payment")
    variant = await make_product(db, on_hand=1)
    numbers = [(await shop.buy(variant))[1] for _ in range(CROWD)]
    results = await together(*(shop.orders.pay(STAFF, number) for number in numbers))
    assert outcomes(results) == {"Answer": 1, "INSUFFICIENT_STOCK": CROWD - 1}
    assert await stock_figures(db, variant) == (0, 0)
    assert await faults(db) == {}


async def test_orders_of_the_same_goods_in_opposite_order_never_deadlock(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="order")
    goods = [await make_product(db, on_hand=1000) for _ in range(4)]

    async def buy(number: int) -> None:
        shopper = guest()
        for variant in goods if number % 2 else reversed(goods):
            await shop.fill(shopper, variant)
        session = await shop.checkouts.create_checkout(shopper, DETAILS)
        done = await shop.checkouts.complete(shopper, session.id)
        if number % 3 == 0:
            await shop.orders.cancel(shopper, done.order_number or "")

    results = await together(*(buy(number) for number in range(2 * CROWD)))
    assert results == [None] * (2 * CROWD)
    assert db.retries == 0
    assert await faults(db) == {}


async def test_a_cart_changed_while_it_is_ordered_is_ordered_or_refused_as_a_whole(
    db: Database, settings: Settings
) -> None:
    shop = Shop.of(db, settings)
    variant = await make_product(db, on_hand=1000, price_minor=100)
    shopper, session = await shop.ready(variant, 1)
    line = (await shop.carts.get(owner_of(shopper))).items[0].id

    async def change(quantity: int) -> None:
        item = Change(op="set", line_id=line, quantity=quantity)
        await shop.carts.apply(Command(owner_of(shopper), "cart.item_changed", [item]))

    acts: list[Awaitable[Any]] = [change(quantity) for quantity in range(2, 8)]
    acts += [shop.checkouts.complete(shopper, session.id, expected_total=100) for _ in range(6)]
    results = await together(*acts)
    done = [result for result in results[6:] if not isinstance(result, BaseException)]
    assert {type(error) for error in results[6:] if isinstance(error, BaseException)} <= {
        TotalChangedError,
        EmptyCartError,
    }
    assert len({answer.order_number for answer in done}) <= 1
    for answer in done:
        assert answer.document["totals"]["total"]["amount"] == 100
    assert await faults(db) == {}


async def test_a_connection_killed_while_it_completes_leaves_exactly_one_order(
    db: Database, settings: Settings
) -> None:
    shop = Shop.of(db, settings)
    shopper, session = await shop.ready(await make_product(db, on_hand=5))
    blocker = await block_records(settings.database_url or "")
    completing = asyncio.create_task(shop.checkouts.complete(shopper, session.id, idempotency_key="the-key"))
    assert await end_waiting(db, "checkout_place") == 1
    await blocker.close()
    done = await completing
    assert done.order_number is not None
    assert not done.is_replay
    assert await count(db, "orders") == 1
    again = await shop.checkouts.complete(shopper, session.id, idempotency_key="the-key")
    assert (again.order_number, again.is_replay) == (done.order_number, True)
    assert await faults(db) == {}


async def test_a_connection_lost_after_the_commit_is_found_to_have_committed(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop.of(db, settings)
    shopper, session = await shop.ready(await make_product(db, on_hand=5))
    write = db.write
    losses: list[Any] = []

    async def lossy(command: Any) -> Any:
        outcome = await write(command)
        if not losses:
            losses.append(outcome)
            raise DatabaseUnavailableError("the connection was lost while it committed")
        return outcome

    monkeypatch.setattr(db, "write", lossy)
    done = await shop.checkouts.complete(shopper, session.id, idempotency_key="the-key")
    assert done.answer.body == losses[0].body
    assert not done.is_replay
    assert await count(db, "orders") == 1
    assert await stock_figures(db, (await shop.orders.get(shopper, done.order_number or "")).lines[0].variant_id) == (
        4,
        0,
    )


async def test_a_refused_completion_takes_nothing(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="order")
    plenty, scarce = await make_product(db, on_hand=9), await make_product(db, on_hand=1)
    shopper = guest()
    for variant in (plenty, scarce):
        await shop.fill(shopper, variant)
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    await shop.buy(scarce)
    with pytest.raises(InsufficientStockError):
        await shop.checkouts.complete(shopper, session.id)
    assert await stock_figures(db, plenty) == (9, 0)
    assert await count(db, "orders") == 1
    assert await faults(db) == {}
