"""What a cart's prices were and are, and proof of what was shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pannier.cart import PriceStatements
from pannier.cart.errors import StatementNotGenuineError
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.offers import make_price_rule, make_promotion
from tests.support.shop import Shop, guest, owner_of


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings)


async def set_price(db: Database, clock: ManualClock, variant: object, amount: int) -> None:
    async def command(connection: Connection) -> None:
        said = {"actor": "test", "at": clock.now().isoformat()}
        await connection.execute("select set_config('pannier.price_cause', $1::jsonb::text, true)", said)
        await connection.execute("update price set amount_minor = $2 where variant_id = $1", variant, amount)
        await connection.execute(
            "select catalog_refresh_display(array[v.product_id]) from variant v where v.id = $1", variant
        )

    await db.write(command)


async def test_then_now_and_the_lowest_of_thirty_days(shop: Shop, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, price_minor=1000)
    await set_price(db, clock, variant, 600)
    clock.advance(timedelta(days=40))
    await set_price(db, clock, variant, 900)
    shopper = guest()
    await shop.fill(shopper, variant, 2)
    clock.advance(timedelta(days=1))
    await set_price(db, clock, variant, 1200)
    await make_promotion(
        db, {"type": "order_percent", "percent": 10}, conditions=({"type": "min_subtotal", "amount": 5000},)
    )
    found = await PriceStatements(db, shop.carts, b"k" * 32).compare(owner_of(shopper), None)
    (line,) = found.lines
    assert (line.added_price.amount, line.unit_price.amount, line.change.amount) == (900, 1200, 300)
    # 600 was the price when the thirty days began.
    assert line.lowest_price is not None
    assert line.lowest_price.amount == 600
    assert (found.value_when_added.amount, found.value_now.amount, found.change.amount) == (1800, 2400, 600)
    assert [hint.code for hint in found.recommendations] == ["PROMOTION_NEAR"]


async def test_prices_are_those_after_the_catalogues_rules(shop: Shop, db: Database) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await shop.fill(shopper, variant)
    await make_price_rule(db, percent=10)
    found = await PriceStatements(db, shop.carts, b"k" * 32).compare(owner_of(shopper), None)
    assert found.lines[0].unit_price.amount == 900


async def test_a_statement_proves_what_was_shown(shop: Shop, db: Database, clock: ManualClock) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await shop.fill(shopper, variant, 3)
    statements = PriceStatements(db, shop.carts, b"k" * 32)
    shown = await statements.compare(owner_of(shopper), None)
    assert shown.statement is not None
    await set_price(db, clock, variant, 5000)
    said = statements.verify(shown.statement)
    assert (said.stated_at, said.cart_id, said.version) == (shown.read_at, shown.cart_id, shown.version)
    assert [(line.variant_id, line.quantity, line.unit_price.amount) for line in said.lines] == [
        (str(variant), 3, 1000)
    ]
    assert said.total.amount == 3000


async def test_what_the_shop_never_stated_is_no_statement(shop: Shop, db: Database) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await shop.fill(shopper, variant)
    statements = PriceStatements(db, shop.carts, b"k" * 32)
    statement = (await PriceStatements(db, shop.carts, b"x" * 32).compare(owner_of(shopper), None)).statement
    for made_up in (str(statement), "a.b.c", "none", "eyJhbGciOiJub25lIn0.e30."):
        with pytest.raises(StatementNotGenuineError):
            statements.verify(made_up)


async def test_an_empty_cart_has_nothing_to_compare(shop: Shop, db: Database) -> None:
    found = await PriceStatements(db, shop.carts, b"k" * 32).compare(owner_of(guest()), None)
    assert (found.lines, found.statement, found.value_now.amount) == ([], None, 0)
