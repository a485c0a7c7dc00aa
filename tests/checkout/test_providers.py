"""A checkout of a shop whose prices and taxes others name: asked outside of any transaction, and placed as shown."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pannier.checkout import CheckoutService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.orders import Order
from pannier.platform.database import Database, in_transaction
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from pannier.pricebook import PriceQuestion, ProviderError, Providers, ProviderTax, TaxAnswer, TaxQuestion
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card, make_promotion
from tests.support.shop import DETAILS, Shop, guest, owner_of


@dataclass
class TaxOffice:
    """Says so many percent on everything, if it is there."""

    percent: int = 20
    is_down: bool = False
    asked: list[TaxQuestion] = field(default_factory=list)

    async def taxes(self, question: TaxQuestion) -> TaxAnswer:
        assert not in_transaction.get()
        self.asked.append(question)
        if self.is_down:
            raise ProviderError("nobody is there")

        def on(amount: int) -> list[ProviderTax]:
            return [ProviderTax("city", Decimal(self.percent), amount * self.percent // 100)]

        return TaxAnswer({line.id: on(line.amount_minor) for line in question.lines}, on(question.shipping_minor))


@dataclass
class PriceOffice:
    """Names a price for everything."""

    amount: int
    is_down: bool = False
    asked: list[PriceQuestion] = field(default_factory=list)

    async def prices(self, question: PriceQuestion) -> Mapping[str, int]:
        assert not in_transaction.get()
        self.asked.append(question)
        if self.is_down:
            raise ProviderError("nobody is there")
        return {item.variant_id: self.amount for item in question.items}


def shop_of(db: Database, settings: Settings, **providers: Any) -> Shop:
    shop = Shop.of(db, settings, shipping_flat_minor=500)
    shop.checkouts = CheckoutService(db, shop.settings, providers=Providers(**providers))
    return shop


async def placed(shop: Shop, shopper: Principal, session: uuid.UUID, **options: Any) -> Order:
    done = await shop.checkouts.complete(shopper, session, **options)
    return await shop.orders.get(shopper, str(done.order_number))


async def test_the_taxes_that_are_placed_are_those_that_were_shown(db: Database, settings: Settings) -> None:
    office = TaxOffice()
    shop, shopper = shop_of(db, settings, tax=office), guest()
    await shop.fill(shopper, await make_product(db, price_minor=1000), 3)
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    # 20 % on 30.00 and on 5.00.
    assert session.document["totals"]["tax"]["amount"] == 700
    assert session.document["totals"]["total"]["amount"] == 4200
    assert len(office.asked) == 1
    assert office.asked[0].destination == {"country": "US", "postal_code": "12345"}
    office.percent = 90
    shown = await shop.checkouts.get(shopper, session.id, explains=True)
    assert shown["totals"]["total"]["amount"] == 4200
    assert "by the tax provider" in str(shown["explanation"])
    order = await placed(shop, shopper, session.id, expected_total=4200)
    assert (order.total_minor, order.tax_minor, order.tax_added_minor) == (4200, 700, 700)
    frozen = order.quote["providers"]["taxes"]
    assert (frozen["source"], frozen["answer"]["shipping"][0]["amount_minor"]) == ("provider", 100)
    assert [(part["rate_id"], part["amount_minor"]) for part in order.quote["taxes"]] == [("city", 600), ("city", 100)]
    assert len(office.asked) == 1, "what was shown is not asked for again"
    assert await faults(db) == {}


async def test_without_an_answer_the_shops_own_rates_count_and_stay(db: Database, settings: Settings) -> None:
    office = TaxOffice(is_down=True)
    shop = shop_of(db, settings.model_copy(update={"tax_percent": Decimal(10)}), tax=office)
    shopper = guest()
    await shop.fill(shopper, await make_product(db, price_minor=1000))
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    assert session.document["totals"]["tax"]["amount"] == 100
    assert [message["code"] for message in session.document["messages"]] == ["TAX_PROVIDER_UNAVAILABLE"]
    office.is_down = False
    order = await placed(shop, shopper, session.id)
    assert (order.tax_minor, order.quote["providers"]["taxes"]["source"]) == (100, "shop")
    assert "nobody is there" in order.quote["providers"]["taxes"]["reason"]


async def test_a_provider_that_is_back_is_heard_with_the_next_change(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    office = TaxOffice(is_down=True)
    shop, shopper = shop_of(db, settings, tax=office), guest()
    await shop.fill(shopper, await make_product(db, price_minor=1000))
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    office.is_down = False
    clock.advance(timedelta(seconds=6))
    again = await shop.checkouts.update(shopper, session.id)
    assert again.document["totals"]["tax"]["amount"] == 300
    assert again.document["messages"] == []


async def test_a_cart_that_changed_is_asked_for_anew_before_it_is_placed(db: Database, settings: Settings) -> None:
    office = TaxOffice()
    shop, shopper, variant = shop_of(db, settings, tax=office), guest(), await make_product(db, price_minor=1000)
    await shop.fill(shopper, variant)
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    await shop.fill(shopper, variant)
    with pytest.raises(PannierError) as refusal:
        await shop.checkouts.complete(shopper, session.id)
    assert refusal.value.error == "TOTAL_CHANGED"
    assert refusal.value.details["total"] == {"amount": 3000, "currency": "USD"}
    assert (await placed(shop, shopper, session.id)).tax_minor == 500
    assert len(office.asked) == 2


async def test_prices_of_a_provider_are_agreed_to_and_placed(db: Database, settings: Settings) -> None:
    office = PriceOffice(900)
    shop, shopper = shop_of(db, settings, price=office), guest()
    await shop.fill(shopper, await make_product(db, price_minor=1000), 2)
    with pytest.raises(PannierError) as refusal:
        await shop.checkouts.create_checkout(shopper, DETAILS)
    assert refusal.value.error == "PRICE_CHANGED"
    agreed = DETAILS.model_copy(update={"consent_token": refusal.value.details["consent_token"]})
    agreed.model_fields_set.add("consent_token")
    session = await shop.checkouts.create_checkout(shopper, agreed)
    assert session.document["line_items"][0]["unit_price"]["amount"] == 900
    office.amount = 1
    order = await placed(shop, shopper, session.id, expected_total=2300)
    assert (order.subtotal_minor, order.lines[0].unit_price_minor) == (1800, 900)
    assert order.quote["providers"]["prices"]["source"] == "provider"
    assert await faults(db) == {}


async def test_promotions_and_purses_work_on_the_providers_figures(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, price=PriceOffice(1000), tax=TaxOffice())
    shopper = guest()
    await make_promotion(db, {"type": "order_percent", "percent": 50})
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 9000)
    await shop.fill(shopper, await make_product(db, price_minor=1000), 2)
    told = DETAILS.model_copy(update={"gift_cards": ["AAAA-BBBB-CCCC-DDDD"]})
    told.model_fields_set.add("gift_cards")
    session = await shop.checkouts.create_checkout(shopper, told)
    # 20.00 less half, 5.00 for shipping, 20 % on both: all of it is on the card.
    assert session.document["totals"]["total"]["amount"] == 1800
    assert (session.document["tenders"][0]["amount"]["amount"], session.document["amount_due"]["amount"]) == (1800, 0)
    order = await placed(shop, shopper, session.id)
    assert (order.status, order.tendered_minor) == ("paid", 1800)
    assert await faults(db) == {}


async def test_a_cart_says_that_the_checkout_asks(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, tax_provider_url="http://127.0.0.1:1")
    shopper = guest()
    await shop.fill(shopper, await make_product(db))
    (told,) = (await shop.carts.get(owner_of(shopper))).messages
    assert (told.code, told.text[:5]) == ("FIGURES_AT_CHECKOUT", "Taxes")


async def test_one_order_comes_of_many_who_complete_at_once(db: Database, settings: Settings) -> None:
    office = TaxOffice()
    shop, shopper = shop_of(db, settings, tax=office), guest()
    await shop.fill(shopper, await make_product(db, price_minor=1000))
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    numbers = await asyncio.gather(*(shop.checkouts.complete(shopper, session.id) for _ in range(8)))
    assert len({one.order_number for one in numbers}) == 1
