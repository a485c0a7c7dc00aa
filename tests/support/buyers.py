"""Shoppers who talk to the cart's service, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from pannier.cart import Cart, CartOwner, CartService, Change, Command, Item, add
from pannier.kernel.ids import new_cart_token


class Buyer:
    """Somebody with a cart."""

    def __init__(self, carts: CartService, *, user_id: str | None = None) -> None:
        self.carts = carts
        self.owner = CartOwner(token=new_cart_token()) if user_id is None else CartOwner(user_id=user_id)

    async def add(self, variant: UUID, quantity: int = 1, **options: Any) -> Cart:
        return await self.change([add(variant, quantity, **options)])

    async def set(self, item: UUID, quantity: int | None = None, **options: Any) -> Cart:
        return await self.change([Change(op="set", line_id=item, quantity=quantity, **options)])

    async def remove(self, item: UUID) -> Cart:
        return await self.change([Change(op="remove", line_id=item)])

    async def cart(self) -> Cart:
        return await self.carts.get(self.owner)

    async def clear(self, scope: Literal["all", "selected"] = "all") -> Cart:
        return await self.change([], is_clear=True, clear_scope=scope)

    async def change(self, changes: Sequence[Change], **options: Any) -> Cart:
        return (await self.carts.apply(Command(self.owner, "cart.changed", changes, **options))).cart


def flags(cart: Cart) -> list[list[str]]:
    return [item.availability.flags for item in cart.items]


def of(cart: Cart, variant: UUID) -> Item:
    return next(item for item in cart.items if item.variant_id == str(variant))
