"""A connection that is lost while a step of an order commits: what may be tried again is, and nothing happens twice."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pannier.orders import OrderService
from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.idempotency import Key
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import STAFF, Shop, stock_figures

Act = Callable[[OrderService, str, uuid.UUID, Key | None], Awaitable[Any]]
_SOME: dict[str, Act] = {
    "fulfil": lambda orders, number, variant, key: orders.fulfil(STAFF, number, {variant: 2}, key=key),
    "cancel": lambda orders, number, variant, key: orders.cancel_units(STAFF, number, {variant: 2}, key=key),
}
_ALL: dict[str, Act] = {
    "pay": lambda orders, number, _, key: orders.pay(STAFF, number, key=key),
    "fulfil": lambda orders, number, _, key: orders.fulfil(STAFF, number, key=key),
    "cancel": lambda orders, number, _, key: orders.cancel_units(STAFF, number, key=key),
}


@pytest.fixture
def lose(db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the first change commits, and nobody hears of it."""
    write = db.write
    lost: list[Any] = []

    async def loses(command: Any, *rest: Any) -> Any:
        outcome = await write(command, *rest)
        if not lost:
            lost.append(outcome)
            raise DatabaseUnavailableError("the connection was lost while it committed")
        return outcome

    return lambda: monkeypatch.setattr(db, "write", loses)


async def _order(db: Database, settings: Settings) -> tuple[Shop, uuid.UUID, str]:
    shop = Shop.of(db, settings, commit_at="fulfilment")
    variant = await make_product(db, on_hand=9, price_minor=1000)
    _, number = await shop.buy(variant, 5)
    return shop, variant, number


def _moved(order: Any) -> int:
    return int(order.lines[0].quantity_sent + order.lines[0].quantity_canceled)


@pytest.mark.parametrize("how", list(_SOME))
async def test_some_units_without_a_key_are_not_moved_again(
    db: Database, settings: Settings, lose: Callable[[], None], how: str
) -> None:
    shop, variant, number = await _order(db, settings)
    lose()
    with pytest.raises(DatabaseUnavailableError):
        await _SOME[how](shop.orders, number, variant, None)
    assert _moved(await shop.orders.get(STAFF, number)) == 2
    assert await faults(db) == {}


@pytest.mark.parametrize("how", list(_SOME))
async def test_some_units_with_a_key_are_found_to_have_moved(
    db: Database, settings: Settings, lose: Callable[[], None], how: str
) -> None:
    shop, variant, number = await _order(db, settings)
    lose()
    answer = await _SOME[how](shop.orders, number, variant, Key(b"o" * 32, "k", b"h" * 32))
    assert not answer.is_replay
    assert _moved(await shop.orders.get(STAFF, number)) == 2
    assert await faults(db) == {}


@pytest.mark.parametrize("how", list(_ALL))
async def test_a_step_of_the_whole_order_needs_no_key(
    db: Database, settings: Settings, lose: Callable[[], None], how: str
) -> None:
    shop, variant, number = await _order(db, settings)
    lose()
    await _ALL[how](shop.orders, number, variant, None)
    order = await shop.orders.get(STAFF, number)
    assert (order.version, len(order.states)) == (2, 2)
    assert await stock_figures(db, variant) == {"pay": (9, 5), "fulfil": (4, 0), "cancel": (9, 0)}[how]
    assert await faults(db) == {}
