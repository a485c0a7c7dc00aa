"""Somebody who changes a shop's orders, priced as the shop prices."""

from __future__ import annotations

from pannier.cart import StatelessPricing
from pannier.checkout import ReviseService
from pannier.orders import RefundService
from pannier.pricebook import Providers
from tests.support.shop import Shop


def reviser_of(shop: Shop, refunds: RefundService) -> ReviseService:
    """The shop's, with refunds that go where a test wants them to."""
    pricing = StatelessPricing(shop.db, shop.settings, shop.carts, Providers())
    return ReviseService(shop.db, shop.settings, pricing, shop.orders, refunds, shop.checkouts.payments)
