"""Figures of goods that are in no cart: quote, shipping, tax and codes, worked out as a cart of them would be.

A basket is made into a cart's document and priced by the same functions. Nothing is written, and nothing is kept.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from pannier.cart import repository
from pannier.cart.abroad import check_sold
from pannier.cart.basket import request_of, without_promotions
from pannier.cart.charged import ViewRules, is_for_sale
from pannier.cart.document import CartDocument, CouponDocument, LineDocument
from pannier.cart.pricing_service import refused_today
from pannier.cart.service import CartService
from pannier.catalog import ProductUnavailableError
from pannier.kernel.ids import uuid7
from pannier.kernel.money import AMOUNT_MAX
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.pricebook import PriceQuestion, PriceQuestionItem, Providers
from pannier.pricing import (
    AmountTooLargeError,
    BasketRequest,
    Quote,
    QuoteMessage,
    ShippingChoice,
    ShippingNotAvailableError,
    enter_coupon,
    quote,
    shipping_choices,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of a variant."""

    variant_id: uuid.UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class Basket:
    """What somebody would buy: goods, where to, how, with which codes; `user_id` where the shop knows who asks.

    `has_promotions` False: no promotion takes anything off, for goods by which none would be used up.
    """

    items: Sequence[Wanted]
    destination: Mapping[str, Any] | None = None
    shipping_method: str | None = None
    codes: Sequence[str] = ()
    channel: str | None = None
    user_id: str | None = None
    currency: str | None = None
    has_promotions: bool = True


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """Whether a code is good for the basket; `reason` says why not, as COUPON_REJECTED does."""

    code: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Priced:
    """A basket and its figures."""

    document: CartDocument
    request: BasketRequest
    quoted: Quote
    codes: Sequence[CodeAnswer]

    @property
    def variants(self) -> dict[uuid.UUID, str]:
        """The variant of each line."""
        return {line.id: line.variant_id for line in self.document.lines or ()}


class StatelessPricing:
    """Prices baskets that nobody keeps."""

    def __init__(self, db: Database, settings: Settings, carts: CartService, providers: Providers) -> None:
        self._db = db
        self._settings = settings
        self._carts = carts
        self._providers = providers
        self.currency = settings.currency

    async def price(self, basket: Basket, *, asks_tax_provider: bool = True) -> Priced:
        """The figures. Raises ProductUnavailableError, ValidationFailedError, AmountTooLargeError."""
        document, told = await self._document(basket)
        rules = await self._carts.rules_of(document)
        if not basket.has_promotions:
            rules = dataclasses.replace(rules, prices=without_promotions(rules.prices))
        document, codes = self._with_codes(document, rules, await self._known_codes(basket))
        request = request_of(document, document.lines or (), rules)
        quoted = quote(request)
        _check_amount(quoted)
        if told:
            quoted = quoted._replace(messages=(*told, *quoted.messages))
        priced = Priced(document, request, quoted, codes)
        if asks_tax_provider:
            on = rules.prices.day(datetime.fromisoformat(document.read_at))
            taxed = await self._providers.taxed(quoted, priced.variants, document.destination, request.shopper, on)
            _check_amount(taxed)
            priced = dataclasses.replace(priced, quoted=taxed)
        return priced

    async def shipping_options(self, basket: Basket) -> tuple[Priced, tuple[ShippingChoice, ...]]:
        """Every way of shipping the basket, with what it costs or why it cannot be chosen."""
        priced = await self.price(basket, asks_tax_provider=False)
        return priced, shipping_choices(priced.request)

    async def shipping(self, basket: Basket) -> tuple[Priced, ShippingChoice | None]:
        """What shipping costs by the method that is named, else by the one that counts without a choice.

        None where nothing is shipped, or nothing is chosen. Raises ShippingNotAvailableError.
        """
        priced, choices = await self.shipping_options(basket)
        shipping = priced.quoted.shipping
        method = basket.shipping_method or (None if shipping is None else shipping.method)
        if method is None or not priced.quoted.needs_shipping:
            return priced, None
        found = next((choice for choice in choices if choice.method == method), None)
        if found is None or found.refusal is not None:
            available = [choice.method for choice in choices if choice.refusal is None]
            raise ShippingNotAvailableError(
                f"{method} is not available for these goods: {'no such method' if found is None else found.refusal}.",
                field="shipping_method",
                details={"method": method, "available": available},
            )
        return priced, found

    async def check_code(self, basket: Basket, code: str) -> tuple[CodeAnswer, int]:
        """Whether a code is good for the basket beside those that are on it, and what it takes off in minor units."""
        without = await self.price(basket, asks_tax_provider=False)
        with_it = await self.price(dataclasses.replace(basket, codes=(*basket.codes, code)), asks_tax_provider=False)
        before, after = without.quoted.totals.total_minor, with_it.quoted.totals.total_minor
        return with_it.codes[-1], max(0, before - after)

    async def _document(self, basket: Basket) -> tuple[CartDocument, Sequence[QuoteMessage]]:
        check_sold(basket.currency, self._settings)
        # Lines are read by their ids, and so in the order in which they were sent.
        ids = sorted([uuid7() for _ in basket.items])
        lines = [
            {"id": line_id, "variant_id": wanted.variant_id, "quantity": wanted.quantity}
            for line_id, wanted in zip(ids, basket.items, strict=True)
        ]
        channel, now = basket.channel or self._settings.channel, self._db.clock.now()
        async with self._db.read() as connection:
            document = await repository.document_of(
                connection,
                lines,
                basket.currency or self._settings.currency,
                channel,
                basket.user_id,
                None if basket.destination is None else dict(basket.destination),
                basket.shipping_method,
                now,
            )
        found = {line.id: line for line in document.lines or ()}
        faults = [
            (f"items.{place}.variant_id", "There is no such variant")
            for place, line in enumerate(lines)
            if line["id"] not in found
        ]
        if faults:
            raise ValidationFailedError.of(faults)
        document, told = await self._by_provider(document)
        for place, one in enumerate(document.lines or ()):
            if not is_for_sale(one):
                raise ProductUnavailableError(
                    f"{one.display.name} is not for sale, or has no price in {document.currency}. Leave it out.",
                    field=f"items.{place}.variant_id",
                    details={"variant_id": one.variant_id},
                )
        return document, told

    async def _by_provider(self, document: CartDocument) -> tuple[CartDocument, Sequence[QuoteMessage]]:
        """The document with the prices of the shop's price provider, if it has one that answers."""
        lines = document.lines or []
        groups = () if document.shopper is None else tuple(document.shopper.groups)
        items = [
            PriceQuestionItem(line.variant_id, line.display.sku, line.quantity, line.price and line.price[0])
            for line in lines
        ]
        question = PriceQuestion(document.currency, document.channel, document.user_id, groups, items)
        amounts, told = await self._providers.prices(question)
        priced = [_at(line, amounts.get(line.variant_id)) for line in lines]
        return msgspec.structs.replace(document, lines=priced), told

    async def _known_codes(self, basket: Basket) -> list[tuple[str, CouponDocument | None]]:
        """What the shop knows of each code, in the order in which they were sent."""
        if not basket.codes:
            return []
        is_exact = self._settings.coupon_case_sensitive
        async with self._db.read() as connection:
            found = [
                (text, await repository.find_coupons(connection, text, basket.user_id, is_exact=is_exact))
                for text in basket.codes
            ]
        return [(text, known[0] if known else None) for text, known in found]

    def _with_codes(
        self, document: CartDocument, rules: ViewRules, codes: Sequence[tuple[str, CouponDocument | None]]
    ) -> tuple[CartDocument, list[CodeAnswer]]:
        """The document with the codes that are good for it, entered one after another, and what became of each."""
        answers = []
        for text, known in codes:
            reason: str | None = "unknown"
            if known is not None:
                text = known.coupon.code
                reason, document = self._entered(document, rules, known)
            answers.append(CodeAnswer(text, reason))
        on = {one.coupon.code for one in document.coupon_documents or ()}
        # A later one may stand alone, and has then taken those before it off.
        return document, [
            CodeAnswer(one.code, "not_applicable") if one.reason is None and one.code not in on else one
            for one in answers
        ]

    def _entered(
        self, document: CartDocument, rules: ViewRules, known: CouponDocument
    ) -> tuple[str | None, CartDocument]:
        there, code = document.coupon_documents or [], known.coupon.code
        on = frozenset([one.coupon.code for one in there])
        reason: str | None = "already_applied" if code in on else refused_today(known, rules.prices, self._db)
        if reason is not None:
            return reason, document
        tried = msgspec.structs.replace(document, coupon_documents=[*there, known])
        answer = enter_coupon(dataclasses.replace(request_of(tried, tried.lines or (), rules), codes=on), code)
        if answer.reason is not None:
            return answer.reason, document
        kept = [one for one in (*there, known) if one.coupon.code in answer.codes]
        return None, msgspec.structs.replace(document, coupon_documents=kept, coupons=sorted(answer.codes))


def _at(line: LineDocument, amount: int | None) -> LineDocument:
    """The line at a price that somebody else named."""
    if amount is None:
        return line
    return msgspec.structs.replace(line, added_price_minor=amount, price=(amount, None))


def _check_amount(quoted: Quote) -> None:
    if quoted.totals.total_minor > AMOUNT_MAX:
        raise AmountTooLargeError("The basket comes to more than any order may. Lower the quantities.", field="items")
