"""A shop that comes from another system brings along how often its codes were used."""

from __future__ import annotations

import uuid

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.promotions import CouponService, PromotionService
from tests.support.books import faults
from tests.support.offers import make_coupon, make_promotion


async def test_uses_from_before_count_up_to_the_limit(db: Database, clock: ManualClock) -> None:
    promotion = await make_promotion(db, {"type": "order_percent", "percent": 10}, needs_code=True, use_limit=5)
    await make_coupon(db, promotion, "TEN", use_limit=3, per_customer=1)
    coupons, promotions, now = CouponService(db), PromotionService(db, lambda _: None, lambda _: None), clock.now()
    (coupon,) = await coupons.page(after=None, limit=1)

    hers = await db.write(lambda on: coupons.bring_uses(on, coupon["id"], 2, "jane", now))
    others = await db.write(lambda on: coupons.bring_uses(on, coupon["id"], 9, None, now))
    of_promotion = await db.write(lambda on: promotions.bring_uses(on, uuid.UUID(promotion), 9, now))

    assert (hers, others, of_promotion) == (2, 1, 5)
    assert (await coupons.get(coupon["id"]))["used"] == 3
    assert await faults(db) == {}
