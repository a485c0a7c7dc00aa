"""A cart's figures in a currency to look at."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pannier.app import create_app
from pannier.cart import CartDisplays, CartService
from pannier.cart.errors import ExchangeRateMissingError
from pannier.currencies import FxFile, FxRate, import_fx
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.records import Cause
from pannier.platform.settings import Settings
from tests.support.buyers import Buyer
from tests.support.catalogue import make_product
from tests.support.web import client_of


async def rate(db: Database, source: str, target: str, figure: str) -> None:
    today = FxRate(source, target, db.clock.now().date(), Decimal(figure))
    await import_fx(db, FxFile([today], days=1), Cause("staff"))


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


async def test_each_figure_is_converted_by_itself(db: Database, settings: Settings, carts: CartService) -> None:
    await rate(db, "USD", "EUR", "0.9737")
    buyer = Buyer(carts)
    await buyer.add(await make_product(db, price_minor=700), 2)

    shown = await CartDisplays(db, settings, carts).cart(buyer.owner, None, "EUR")

    # 2 x 6.82 would be 13.64; 14.00 x 0.9737 is 13.6318.
    assert (shown.items[0].unit_price.amount, shown.items[0].subtotal.amount) == (682, 1363)
    assert (shown.totals.total.amount, shown.totals.total.currency) == (1363, "EUR")
    assert (shown.rate, shown.shop_currency) == ("0.973700", "USD")


async def test_a_currency_without_minor_units_has_none(db: Database, settings: Settings, carts: CartService) -> None:
    await rate(db, "USD", "JPY", "151.5")
    buyer = Buyer(carts)
    await buyer.add(await make_product(db, price_minor=1999))

    shown = await CartDisplays(db, settings, carts).cart(buyer.owner, None, "JPY")

    assert shown.totals.total.amount == 3028


async def test_without_a_rate_that_is_new_enough_there_are_no_figures(
    db: Database, settings: Settings, carts: CartService, clock: ManualClock
) -> None:
    displays = CartDisplays(db, settings, carts)
    await rate(db, "USD", "EUR", "0.9")
    assert (await displays.cart(Buyer(carts).owner, None, "EUR")).items == []
    with pytest.raises(ExchangeRateMissingError):
        await displays.cart(Buyer(carts).owner, None, "GBP")
    clock.advance(timedelta(days=settings.conversion_age_days_max + 1))
    with pytest.raises(ExchangeRateMissingError):
        await displays.cart(Buyer(carts).owner, None, "EUR")


async def test_over_http(db: Database, settings: Settings, clock: ManualClock) -> None:
    await rate(db, "USD", "GBP", "0.5")
    stool = await make_product(db, price_minor=1001)
    app = create_app(settings, clock=clock)
    async with app.running(), client_of(app) as client:
        await client.post("/api/v1/cart/items", json={"variant_id": str(stool)})
        shown = await client.get("/api/v1/cart/display?currency=GBP")
        assert shown.json()["totals"]["total"] == {"amount": 501, "currency": "GBP"}
        assert (await client.get("/api/v1/cart/display?currency=CHF")).json()["error"] == "EXCHANGE_RATE_MISSING"
        for unknown in ("", "?currency=XYZ", "?currency="):
            assert (await client.get(f"/api/v1/cart/display{unknown}")).status_code == 422
