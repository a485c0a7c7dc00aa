"""What a shopper tells a cart that changes its figures: codes, where it goes, how it is shipped.

Whether a code or a method is good is judged here, on the cart as it is; the write path carries it out or refuses it, so
that refusals are kept under their keys like all others. A code that was good and no longer is stays and gives nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from pannier.cart.basket import counted_lines, coupon_on, request_of
from pannier.cart.document import CartDocument, CouponDocument
from pannier.cart.models import CartOwner, Change, Command
from pannier.cart.read_model import CartShippingOption, CartShippingOptions, Money
from pannier.cart.repository import find_coupons, read_beside
from pannier.cart.service import CartService, Outcome
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricing import Around, BasketRequest, Prices, arrives, enter_coupon, shipping_choices
from pannier.promotions import book_revision


class CartPricingService:
    """Codes, destinations and shipping methods of carts."""

    def __init__(self, db: Database, settings: Settings, carts: CartService) -> None:
        self._db = db
        self._settings = settings
        self._carts = carts

    async def enter_coupon(self, command: Command, text: str) -> Outcome:
        """Put a code on the cart. `command` says who, without changes.

        Raises CouponRejectedError with the first reason that fits, and what `CartService.apply` raises.
        """
        document = await self._cart_of(command)
        values = await self._entering(document, command.owner, command.channel, text)
        return await self._carts.apply(dataclasses.replace(command, changes=[Change(op="coupon", values=values)]))

    async def remove_coupon(self, command: Command, code: str) -> Outcome:
        """Take a code off the cart. Raises CouponRejectedError when it is not on it."""
        document = await self._cart_of(command)
        there = [] if document is None else document.coupons or []
        if not self._settings.coupon_case_sensitive:
            code = next((one for one in there if one.casefold() == code.casefold()), code)
        return await self._carts.apply(
            dataclasses.replace(command, changes=[Change(op="coupon", values={"leave": code})])
        )

    async def send_to(self, command: Command, destination: Mapping[str, Any] | None) -> Outcome:
        """Say where the cart is to go; tax and shipping are worked out for it."""
        change = Change(op="delivery", values={"destination": destination})
        return await self._carts.apply(dataclasses.replace(command, changes=[change]))

    async def ship_by(self, command: Command, method: str | None) -> Outcome:
        """Choose how the cart is shipped; None takes the choice back.

        Raises ShippingNotAvailableError for a way that is not there for this cart as it is.
        """
        values: dict[str, Any] = {"shipping_method": method}
        if method is not None:
            document = await self._carts.find(command.owner, command.channel)
            available = [] if document is None else await self._available(document)
            if method not in available:
                values = {"refused": "SHIPPING_NOT_AVAILABLE", "method": method, "available": available}
        return await self._carts.apply(dataclasses.replace(command, changes=[Change(op="delivery", values=values)]))

    async def shipping_options(self, owner: CartOwner, channel: str | None) -> CartShippingOptions:
        """The ways of shipping the cart as it is, each with what it would cost."""
        document = await self._carts.find(owner, channel)
        if document is None:
            return CartShippingOptions([])
        currency, rules = document.currency, await self._carts.rules_of(document)
        request = await self._request(document)
        chosen = request.book.methods_by_id.get(request.shipping_method or "")
        return CartShippingOptions(
            [
                CartShippingOption(
                    choice.method,
                    choice.name,
                    Money(choice.cost_minor, currency),
                    Money(choice.total_minor, currency),
                    choice.refusal is None,
                    choice.refusal,
                    None if choice.delivery_days is None else list(choice.delivery_days),
                    arrives(rules.prices, choice.method, datetime.fromisoformat(document.read_at)),
                    chosen is not None and chosen.id == choice.method,
                )
                for choice in shipping_choices(request)
            ]
        )

    async def _available(self, document: CartDocument) -> list[str]:
        return [choice.method for choice in shipping_choices(await self._request(document)) if choice.refusal is None]

    async def _request(self, document: CartDocument) -> BasketRequest:
        rules = await self._carts.rules_of(document)
        return request_of(document, counted_lines(document, rules), rules)

    async def _cart_of(self, command: Command) -> CartDocument | None:
        """The cart that a command is about: the owner's open one, or the one that is named beside it."""
        if command.beside_id is None:
            return await self._carts.find(command.owner, command.channel)
        async with self._db.read() as connection:
            return await read_beside(connection, command.owner, command.beside_id, self._db.offset)

    async def _entering(
        self, document: CartDocument | None, owner: CartOwner, channel: str | None, text: str
    ) -> dict[str, Any]:
        """The values of the change that entering a code comes to: see `cart_change_coupon`."""
        async with self._db.read() as connection:
            found = await find_coupons(connection, text, owner.user_id, is_exact=self._settings.coupon_case_sensitive)
            revision = await book_revision(connection)
        if not found:
            return {"refused": "unknown", "code": text}
        known = found[0]
        code = known.coupon.code
        if document is not None and code in (document.coupons or ()):
            return {"refused": "already_applied", "code": code}
        rules = await self._carts.rules_at(revision)
        if document is not None:
            rules = dataclasses.replace(rules, prices=rules.prices.of(document.currency))
        reason = refused_today(known, rules.prices, self._db)
        if reason is None:
            request = self._asked(document, rules.prices, known, channel)
            answer = enter_coupon(request, code)
            if answer.reason is None:
                return {"enter": code, "alone": True} if answer.codes == {code} and request.codes else {"enter": code}
            reason = answer.reason
        return {"refused": reason, "code": code}

    def _asked(
        self, document: CartDocument | None, prices: Prices, known: CouponDocument, channel: str | None
    ) -> BasketRequest:
        """The basket with the code in its book, and not yet on it."""
        if document is None:
            around = Around(
                self._db.clock.now(), channel=channel or self._settings.channel, coupons=(coupon_on(known),)
            )
            return dataclasses.replace(prices.request((), around), codes=frozenset())
        with_it = msgspec.structs.replace(document, coupon_documents=[*(document.coupon_documents or ()), known])
        rules = dataclasses.replace(self._carts.rules, prices=prices)
        request = request_of(with_it, counted_lines(document, rules), rules)
        return dataclasses.replace(request, codes=frozenset(document.coupons or ()))


def refused_today(known: CouponDocument, prices: Prices, db: Database) -> str | None:
    """Why a code is good for nobody today, as far as it is not in the book: that has no promotion that is off."""
    on = prices.day(db.clock.now())
    if not known.is_active or not known.promotion_is_active:
        return "inactive"
    if known.promotion_starts is not None and on < known.promotion_starts:
        return "not_started"
    if known.promotion_ends is not None and on > known.promotion_ends:
        return "expired"
    return "usage_limit" if known.promotion_is_exhausted else None
