"""What makes the demo catalogue a shop: a tax, ways of shipping, a promotion, a code and a gift card.

`pannier seed`, `pannier serve --demo`. Everything stands in tables, as staff would have put it there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pannier.app.demo_codes import DEMO_CODE, DEMO_GIFT_CARD
from pannier.app.price_vocabulary import (
    check_price_rule,
    check_promotion,
    check_shipping_method,
    check_tax_rate,
)
from pannier.kernel.money import minor_digits
from pannier.platform.records import Cause
from pannier.promotions import PROMOTIONS, CouponService, PromotionService, PurseService
from pannier.shipping import ShippingService
from pannier.tax import Area, TaxService, known_zones

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pannier.platform.database import Connection, Database

_CAUSE = Cause("demo")


_HAS_ITS_OWN = """
  select exists (select 1 from zone) or exists (select 1 from tax_rate) or exists (select 1 from shipping_method)
      or exists (select 1 from promotion)
"""


async def furnish_demo(db: Database, *, currency: str, has_gift_card: bool) -> None:
    """Put all of it into a shop that has none of its own, in one transaction.

    `has_gift_card`: with one whose code anybody can read here, so for a shop to look around in only.
    """

    def minor(amount: str) -> int:
        return int(Decimal(amount) * 10 ** minor_digits(currency))

    async def run(connection: Connection) -> None:
        if await connection.fetchval(_HAS_ITS_OWN):
            return
        now = db.clock.now()
        await _tax(connection, TaxService(db, check_tax_rate), now)
        await _ways(connection, ShippingService(db, check_shipping_method, known_zones), currency, minor, now)
        await _promotions(connection, db, minor, now)
        if has_gift_card:
            card = {"currency": currency, "note": "Of the demo"}
            await PurseService(db).issue(connection, card, minor("25"), DEMO_GIFT_CARD, _CAUSE, now)

    await db.write(run)


async def _tax(connection: Connection, taxes: TaxService, now: datetime) -> None:
    """A tax on top of the prices, in one country: a cart that goes elsewhere shows none."""
    zone = {"name": "us", "title": "United States", "priority": 0}
    await taxes.create_zone(connection, zone, [Area("US")], _CAUSE, now)
    rate: dict[str, Any] = {"code": "us-sales-tax", "title": "Sales tax", "category": "standard", "zone": "us"}
    rate |= {"percent": Decimal("8.25"), "is_included": False}
    await taxes.create_rate(connection, rate, _CAUSE, now)


async def _ways(
    connection: Connection, shipping: ShippingService, currency: str, minor: Callable[[str], int], now: datetime
) -> None:
    """Standard everywhere, express in the country of the tax, and the workshop's door."""
    ways: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        (
            {"code": "standard", "name": "Standard", "days_min": 2, "days_max": 4},
            {"kind": "flat", "amount": minor("4.90"), "free_from": minor("100")},
        ),
        (
            {"code": "express", "name": "Express", "days_min": 1, "days_max": 1},
            {"kind": "flat", "amount": minor("12.90"), "zones": ["us"]},
        ),
        (
            {"code": "pickup", "name": "Pick up at the workshop", "days_min": 0, "days_max": 0, "fulfilment": "pickup"},
            {"kind": "flat", "amount": 0},
        ),
    )
    for position, (way, definition) in enumerate(ways):
        values = {"fulfilment": "ship", "handling_days": 1, "currency": currency, "position": position}
        await shipping.create_method(connection, {**values, **way, "definition": definition}, _CAUSE, now)


async def _promotions(connection: Connection, db: Database, minor: Callable[[str], int], now: datetime) -> None:
    """One that applies by itself, and one that needs a code."""
    promotions = PromotionService(db, check_promotion, check_price_rule)
    ten, floor = {"type": "item_percent", "percent": 10}, {"type": "min_subtotal", "amount": minor("150")}
    large = {"name": "Ten percent off from 150", "definition": {"actions": [ten], "conditions": [floor]}}
    await promotions.create(connection, PROMOTIONS, {**large, "is_active": True}, _CAUSE, now)
    welcome = {"name": "Welcome", "definition": {"actions": [{"type": "order_percent", "percent": 10}]}}
    values = {**welcome, "needs_code": True, "is_active": True}
    made = await promotions.create(connection, PROMOTIONS, values, _CAUSE, now)
    await CouponService(db).create(connection, {"promotion_id": made["id"], "code": DEMO_CODE}, _CAUSE, now)
