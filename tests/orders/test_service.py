"""Orders: who sees them, in which order they are listed, and the steps of their life."""

from __future__ import annotations

import uuid
from datetime import timedelta

import msgspec
import pytest

from pannier.kernel.clock import ManualClock
from pannier.orders import OrderNotFoundError
from pannier.orders.errors import (
    InsufficientOnHandError,
    OrderClosedError,
    OrderNotCancelableError,
    OrderQuantityError,
)
from pannier.platform.database import Database
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import STAFF, Shop, count, customer, guest, stock_figures

_ORDERS_READ = """
    select seq_tup_read + (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'orders')::bigint
      from pg_stat_user_tables where relname = 'orders'
"""

_PAID = "select orders_for_staff('paid', null, '-infinity', 'infinity', 'infinity', $1, 20) as document"


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings)


async def test_an_order_is_its_owners_and_staffs(shop: Shop) -> None:
    variant = await make_product(shop.db)
    guests, number = await shop.buy(variant)
    users, other = await shop.buy(variant, shopper=customer("u-1"))
    assert (await shop.orders.get(guests, number)).number == number
    assert (await shop.orders.get(users, other)).user_id == "u-1"
    for found in (number, other):
        assert (await shop.orders.get(STAFF, found)).number == found
    for stranger, hidden in ((guests, other), (users, number), (guest(), number), (Principal(), other)):
        for act in (
            shop.orders.get(stranger, hidden),
            shop.orders.cancel(stranger, hidden),
            shop.orders.pay(stranger, hidden),
        ):
            with pytest.raises(OrderNotFoundError):
                await act


@pytest.mark.parametrize("who", ["guest", "customer"])
async def test_own_orders_come_newest_first_page_by_page(shop: Shop, clock: ManualClock, who: str) -> None:
    variant = await make_product(shop.db)
    shopper = guest() if who == "guest" else customer("u-1")
    await shop.buy(variant)
    numbers = []
    for _ in range(5):
        clock.advance(timedelta(seconds=1))
        numbers.append((await shop.buy(variant, shopper=shopper))[1])
    seen, cursor = [], None
    for size in (2, 2, 1):
        page, cursor = await shop.orders.list_own(shopper, cursor=cursor, limit=2)
        assert len(page) == size
        seen += [order.number for order in page]
    assert cursor is None
    assert seen == numbers[::-1]


async def test_a_list_needs_somebody(shop: Shop) -> None:
    with pytest.raises(LoginRequiredError):
        await shop.orders.list_own(Principal())


@pytest.mark.parametrize("cursor", ["?", "bm90aGluZw==", "MjAyNi0xMS0yMCAx"])
async def test_a_made_up_cursor_is_refused(shop: Shop, cursor: str) -> None:
    with pytest.raises(ValidationFailedError):
        await shop.orders.list_own(guest(), cursor=cursor)


async def test_staff_filter_all_orders(shop: Shop, clock: ManualClock) -> None:
    variant = await make_product(shop.db)
    shopper, session = await shop.ready(variant)
    first = (await shop.checkouts.complete(shopper, session.id, external_reference="INV-1")).order_number
    clock.advance(timedelta(hours=1))
    _, second = await shop.buy(variant)
    await shop.orders.pay(STAFF, second)
    between = clock.now() - timedelta(minutes=30)

    async def found(**filters: object) -> list[str]:
        return [order.number for order in (await shop.orders.list_all(**filters))[0]]  # type: ignore[arg-type]  # as named

    assert await found() == [second, first]
    assert await found(status="paid") == [second]
    assert await found(external_reference="INV-1") == [first]
    assert await found(external_reference="INV-2") == []
    assert await found(placed_from=between) == [second]
    assert await found(placed_to=between) == [first]


async def test_a_history_has_every_step_and_its_event(shop: Shop) -> None:
    shopper, number = await shop.buy(await make_product(shop.db))
    await shop.orders.pay(STAFF, number)
    await shop.orders.pay(STAFF, number)
    await shop.orders.cancel(shopper, number, reason="too late")
    order = await shop.orders.get(shopper, number)
    assert [(state.version, state.status, state.actor, state.reason) for state in order.states] == [
        (1, "pending", "guest", ""),
        (2, "paid", "admin", ""),
        (3, "canceled", "guest", "too late"),
    ]
    async with shop.db.read() as connection:
        events = await connection.fetch(
            "select version, type, actor from event where aggregate_id = $1 order by version", order.id
        )
    assert [tuple(event) for event in events] == [
        (1, "order.placed", "guest"),
        (2, "order.paid", "admin"),
        (3, "order.canceled", "guest"),
    ]


async def test_figures_stay_when_the_catalogue_moves(shop: Shop) -> None:
    variant = await make_product(shop.db, price_minor=1000, name="Oak stool")
    shopper, number = await shop.buy(variant)
    async with shop.db.read() as connection:
        await connection.execute("update price set amount_minor = 1 where variant_id = $1", variant)
        await connection.execute("update product set name = 'Pine stool'")
        await connection.execute("select catalog_refresh_display(array[product_id]) from variant")
    order = await shop.orders.get(shopper, number)
    assert (order.lines[0].name, order.lines[0].unit_price_minor, order.total_minor) == ("Oak stool", 1000, 1000)


async def test_the_database_refuses_figures_that_do_not_add_up(shop: Shop) -> None:
    await shop.buy(await make_product(shop.db))
    async with shop.db.read() as connection:
        with pytest.raises(Exception, match="orders_add_up"):
            await connection.execute("update orders set total_minor = total_minor + 1")
    assert await count(shop.db, "orders") == 1


async def test_the_few_open_orders_are_not_looked_for_among_the_many_that_are_done(shop: Shop) -> None:
    variant = await make_product(shop.db)
    _, oldest = await shop.buy(variant)
    await shop.orders.pay(STAFF, oldest)
    await shop.buy(variant)
    many = 20_000
    async with shop.db.read(patience_s=100) as connection:
        await connection.execute(
            "insert into orders select r.* from (select * from orders where status = 'pending') o,"
            " generate_series(1, $1) n, lateral jsonb_populate_record(null::orders, to_jsonb(o) || jsonb_build_object("
            "'id', md5('o' || n), 'number', 'N' || n, 'checkout_id', null, 'cart_id', md5('c' || n))) r",
            many,
        )
        # More often than a plan is tried before it is kept.
        for _ in range(7):
            await connection.fetch(_PAID, uuid.UUID(int=2**128 - 1))
        await connection.execute("select pg_stat_force_next_flush()")
        before = await connection.fetchval(_ORDERS_READ)
        documents = await connection.fetch(_PAID, uuid.UUID(int=2**128 - 1))
        await connection.execute("select pg_stat_force_next_flush()")
        read = await connection.fetchval(_ORDERS_READ) - before
    assert [msgspec.json.decode(row["document"])["number"] for row in documents] == [oldest]
    assert 0 < read < many // 100


@pytest.fixture
def warehouse(db: Database, settings: Settings) -> Shop:
    """A shop whose units leave when they are sent."""
    return Shop.of(db, settings, hold_at="order", commit_at="fulfilment")


async def test_units_leave_in_parts_until_none_is_left_behind(warehouse: Shop) -> None:
    variant = await make_product(warehouse.db, on_hand=10)
    shopper, number = await warehouse.buy(variant, 5)

    await warehouse.orders.fulfil(STAFF, number, {variant: 2})

    order = await warehouse.orders.get(STAFF, number)
    assert (order.status, order.lines[0].quantity_taken, order.lines[0].quantity_held) == ("pending", 2, 3)
    assert await stock_figures(warehouse.db, variant) == (8, 3)
    with pytest.raises(OrderNotCancelableError):
        await warehouse.orders.cancel(shopper, number)
    await warehouse.orders.fulfil(STAFF, number, {variant: 3})
    assert (await warehouse.orders.get(STAFF, number)).status == "fulfilled"
    assert await stock_figures(warehouse.db, variant) == (5, 0)
    assert await faults(warehouse.db) == {}


async def test_no_more_leaves_than_is_held_or_in_the_house(warehouse: Shop) -> None:
    variant = await make_product(warehouse.db, on_hand=2, backorder_max=3)
    _, number = await warehouse.buy(variant, 4)
    for wanted, refusal in (({variant: 5}, OrderQuantityError), ({uuid.uuid4(): 1}, OrderQuantityError)):
        with pytest.raises(refusal):
            await warehouse.orders.fulfil(STAFF, number, wanted)
    for all_or_three in (None, {variant: 3}):
        with pytest.raises(InsufficientOnHandError) as refused:
            await warehouse.orders.fulfil(STAFF, number, all_or_three)
        assert refused.value.details["available"] == 2
    assert await stock_figures(warehouse.db, variant) == (2, 4)
    await warehouse.orders.fulfil(STAFF, number, {variant: 2})
    assert await stock_figures(warehouse.db, variant) == (0, 2)
    assert await faults(warehouse.db) == {}


async def test_what_comes_back_is_held_for_the_order_again(warehouse: Shop) -> None:
    variant = await make_product(warehouse.db, on_hand=10)
    _, number = await warehouse.buy(variant, 4)
    await warehouse.orders.fulfil(STAFF, number)
    assert await stock_figures(warehouse.db, variant) == (6, 0)

    await warehouse.orders.cancel_fulfilment(STAFF, number)

    assert await stock_figures(warehouse.db, variant) == (10, 4)
    assert (await warehouse.orders.get(STAFF, number)).status == "pending"
    assert await faults(warehouse.db) == {}


async def test_staff_take_units_out_of_an_order_held_ones_first(warehouse: Shop) -> None:
    variant = await make_product(warehouse.db, on_hand=10)
    _, number = await warehouse.buy(variant, 5)
    await warehouse.orders.fulfil(STAFF, number, {variant: 3})

    await warehouse.orders.cancel_units(STAFF, number, {variant: 4}, reason="two too many, two came back")

    order = await warehouse.orders.get(STAFF, number)
    assert (order.status, order.lines[0].quantity_canceled, order.lines[0].quantity_taken) == ("pending", 4, 1)
    assert await stock_figures(warehouse.db, variant) == (9, 0)
    assert await faults(warehouse.db) == {}
    await warehouse.orders.cancel_units(STAFF, number, {variant: 9})
    order = await warehouse.orders.get(STAFF, number)
    assert (order.status, order.payment_status, order.lines[0].quantity_canceled) == ("canceled", "void", 5)
    assert await stock_figures(warehouse.db, variant) == (10, 0)
    for step in (
        warehouse.orders.fulfil(STAFF, number, {variant: 1}),
        warehouse.orders.cancel_fulfilment(STAFF, number),
    ):
        with pytest.raises(OrderClosedError):
            await step
    assert await faults(warehouse.db) == {}


async def test_a_fulfilled_order_is_canceled_as_a_whole_by_staff_alone(warehouse: Shop) -> None:
    variant, free = await make_product(warehouse.db, on_hand=3), await make_product(warehouse.db, on_hand=None)
    shopper = guest()
    await warehouse.fill(shopper, free, 2)
    _, number = await warehouse.buy(variant, 3, shopper)
    await warehouse.orders.fulfil(STAFF, number)
    with pytest.raises(OrderNotCancelableError):
        await warehouse.orders.cancel(shopper, number)

    await warehouse.orders.cancel_units(STAFF, number)

    assert (await warehouse.orders.get(STAFF, number)).status == "canceled"
    assert await stock_figures(warehouse.db, variant) == (3, 0)
    assert await faults(warehouse.db) == {}


async def test_what_was_taken_out_of_an_order_is_not_sold_when_it_is_paid(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, hold_at="payment", commit_at="payment")
    variant = await make_product(db, on_hand=5)
    _, number = await shop.buy(variant, 4)
    await shop.orders.cancel_units(STAFF, number, {variant: 3})

    await shop.orders.pay(STAFF, number)

    assert await stock_figures(db, variant) == (4, 0)
    assert await faults(db) == {}
