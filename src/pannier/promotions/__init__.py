"""Promotions, coupons, price rules, gift cards and store credit: what they say, who may use them, and how often.

What they do to prices is worked out by `pricing`, which reads their definitions.
"""

from pannier.promotions.api import router as promotions_router
from pannier.promotions.coupon_api import router as coupons_router
from pannier.promotions.coupon_service import CouponService
from pannier.promotions.customer_repository import export as export_customer
from pannier.promotions.customer_repository import forget as forget_customer
from pannier.promotions.customer_service import CustomerPriceService
from pannier.promotions.models import ActivePriceRule, ActivePromotion
from pannier.promotions.purse_api import router as purses_router
from pannier.promotions.purse_service import PurseService
from pannier.promotions.refund_repository import (
    PartialRefund,
    PursePayment,
    PurseRefund,
    ReturnedPart,
    purse_payments,
    refund_to_purses,
)
from pannier.promotions.repository import book_revision, load_active_promotions, load_price_rules
from pannier.promotions.service import PRICE_RULES, PROMOTIONS, PromotionService

__all__ = [
    "PRICE_RULES",
    "PROMOTIONS",
    "ActivePriceRule",
    "ActivePromotion",
    "CouponService",
    "CustomerPriceService",
    "PartialRefund",
    "PromotionService",
    "PursePayment",
    "PurseRefund",
    "PurseService",
    "ReturnedPart",
    "book_revision",
    "coupons_router",
    "export_customer",
    "forget_customer",
    "load_active_promotions",
    "load_price_rules",
    "promotions_router",
    "purse_payments",
    "purses_router",
    "refund_to_purses",
]
