"""A shop's prices at work: shoppers who tell their carts codes, destinations and methods."""

from __future__ import annotations

from typing import Any

import pytest

from pannier.cart import Cart, CartPricingService, CouponRejectedError
from pannier.cart.models import Command
from pannier.platform.principal import Principal
from tests.support.shop import DETAILS, Shop, owner_of


class Pricing:
    """A shop, and a shopper who tells its carts codes, destinations and methods."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.service = CartPricingService(shop.db, shop.settings, shop.carts)

    async def cart(self, shopper: Principal, **options: Any) -> Cart:
        return await self.shop.carts.get(owner_of(shopper), **options)

    async def enter(self, shopper: Principal, code: str, **command: Any) -> Cart:
        told = Command(owner_of(shopper), "cart.coupon_entered", **command)
        return (await self.service.enter_coupon(told, code)).cart

    async def leave(self, shopper: Principal, code: str) -> Cart:
        return (await self.service.remove_coupon(Command(owner_of(shopper), "cart.coupon_removed"), code)).cart

    async def send_to(self, shopper: Principal, **destination: str) -> Cart:
        told = Command(owner_of(shopper), "cart.destination_set")
        return (await self.service.send_to(told, destination or None)).cart

    async def ship_by(self, shopper: Principal, method: str | None) -> Cart:
        return (await self.service.ship_by(Command(owner_of(shopper), "cart.shipping_chosen"), method)).cart

    async def refused(self, shopper: Principal, code: str) -> str:
        with pytest.raises(CouponRejectedError) as refusal:
            await self.enter(shopper, code)
        return str(refusal.value.details["reason"])

    async def order(self, shopper: Principal) -> Any:
        session = await self.shop.checkouts.create_checkout(shopper, DETAILS)
        done = await self.shop.checkouts.complete(shopper, session.id)
        assert done.order_number is not None
        return await self.shop.orders.get(shopper, done.order_number)
