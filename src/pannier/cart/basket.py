"""From a cart's document to the question that pricing is asked. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from pannier.cart.charged import PriceKeeping, ViewRules, charged_price, is_for_sale, promised_price
from pannier.cart.document import CartDocument, CouponDocument, LineDocument, ShopperDocument
from pannier.pricing import (
    Around,
    AskedPrice,
    BasketLine,
    BasketRequest,
    Coupon,
    CouponOn,
    Goods,
    LineQuote,
    LineRequest,
    Period,
    Prices,
    Quote,
    QuoteRequest,
    SalePrice,
    Shopper,
    asked_prices,
    gifts_left,
    quote,
)

_NO_CATEGORIES: frozenset[str] = frozenset()


def priced(document: CartDocument, rules: ViewRules, *, explains: bool = False) -> Quote:
    """What the cart costs: all its lines, selected or not, but for those that the shop leaves out."""
    lines = counted_lines(document, rules)
    is_plain = rules.prices.is_plain or document.currency != rules.prices.book.currency
    if is_plain and not explains:
        return plainly(document, lines, rules)
    if explains or rules.quotes is None:
        return quote(request_of(document, lines, rules))
    return rules.quotes.find(key_of(document, lines, rules), lambda: quote(request_of(document, lines, rules)))


def key_of(document: CartDocument, lines: Sequence[LineDocument], rules: ViewRules) -> tuple[Any, ...]:
    """Everything that the figures of these lines depend on."""
    prices, at = rules.prices, document.read_at
    destination, shopper = document.destination, document.shopper
    return (
        prices.revision,
        prices.reading,
        prices.day(datetime.fromisoformat(at)),
        document.shipping_method,
        document.channel,
        None if destination is None else tuple(sorted(destination.items())),
        None if shopper is None else (document.user_id, shopper.completed_orders, *shopper.groups, shopper.kind),
        None if shopper is None else (shopper.is_tax_id_valid, shopper.is_tax_exempt),
        tuple([(one.promotion_id, one.is_active, one.coupon) for one in document.coupon_documents or ()]),
        tuple([_line_key(line, rules, at) for line in lines]),
        tuple(gift_units(document).items()),
    )


def _line_key(line: LineDocument, rules: ViewRules, read_at: str) -> tuple[Any, ...]:
    display = line.display
    return (
        line.id,
        line.variant_id,
        line.quantity,
        charged_price(line, rules.keeping, read_at),
        None if line.price is None else line.price[1],
        promised_price(line, rules.keeping, read_at),
        display.product_id,
        display.tax_category,
        display.requires_shipping,
        display.weight_g,
        display.shipping_category,
        display.floor_minor,
        *display.categories,
    )


def counted_lines(document: CartDocument, rules: ViewRules) -> list[LineDocument]:
    """The lines that are in the figures: all, or those that are for sale."""
    return [line for line in document.lines or () if rules.counts_unavailable or is_for_sale(line)]


def figures_of(document: CartDocument, quoted: Quote, rules: ViewRules) -> Sequence[LineQuote]:
    """The figures of each line of the cart; none of one that is left out."""
    if rules.counts_unavailable:
        return quoted.lines[: len(document.lines or ())]
    known = {line.line_id: line for line in quoted.lines}
    return [known.get(line.id) or _nothing(line) for line in document.lines or ()]


def without_promotions(prices: Prices) -> Prices:
    """The shop's prices, of which no promotion takes anything off."""
    return replace(prices, book=replace(prices.book, promotions=()))


def alone(document: CartDocument, line: LineDocument, rules: ViewRules) -> LineQuote:
    """A line as if it were all that is bought, and nothing taken off by a promotion."""
    plain = without_promotions(rules.prices) if not rules.prices.is_plain else None
    if not rules.counts_unavailable and not is_for_sale(line):
        return _nothing(line)
    if plain is None:
        return plainly(document, (line,), rules).lines[0]
    return quote(request_of(document, (line,), replace(rules, prices=plain))).lines[0]


def price_when_added(document: CartDocument, line: LineDocument, unit_minor: int, rules: ViewRules) -> int:
    """What a unit was shown to cost when it was added, or agreed to since; `unit_minor` is what it costs now."""
    if line.shown_minor is not None:
        return line.shown_minor
    then = list_price_when_added(document, line, rules)
    return unit_minor if then is None else then


def list_price_when_added(document: CartDocument, line: LineDocument, rules: ViewRules) -> int | None:
    """Of a line from before it was kept what was shown: what today's rules make of the list's price of then.

    None: the list asks the same as then, so nothing is known to have changed.
    """
    if not is_for_sale(line):
        return line.added_price_minor
    if charged_price(line, rules.keeping, document.read_at) == line.added_price_minor:
        return None
    then = msgspec.structs.replace(line, price=(line.added_price_minor, None))
    return alone(document, then, rules).unit_price_minor


def asked_of(document: CartDocument, lines: Sequence[LineDocument], rules: ViewRules) -> dict[uuid.UUID, AskedPrice]:
    """What a unit of each line is asked for today, by line."""
    asked = asked_prices(request_of(document, lines, rules))
    return {line.id: price for line, price in zip(lines, asked, strict=True)}


def plainly(document: CartDocument, lines: Sequence[LineDocument], rules: ViewRules) -> Quote:
    """What lines cost in a shop that has one tax, one charge for shipping, and nothing else."""
    requests = tuple([_line_request(line, rules, document.read_at) for line in lines])
    return quote(QuoteRequest(document.currency, requests, rules.prices.rules))


def request_of(document: CartDocument, lines: Sequence[LineDocument], rules: ViewRules) -> BasketRequest:
    """The basket of some lines of a cart, as its shopper has it now."""
    prices, at = rules.prices, document.read_at
    return prices.request([_basket_line(line, rules, at) for line in lines], around_of(document))


def around_of(document: CartDocument) -> Around:
    """Whose cart it is, where it goes and what was chosen."""
    return Around(
        datetime.fromisoformat(document.read_at),
        None if document.shopper is None else shopper_of(document.user_id or "", document.shopper),
        document.destination,
        document.shipping_method,
        tuple([coupon_on(one) for one in document.coupon_documents or () if one.is_active]),
        document.channel,
        gift_units=gift_units(document),
    )


def gift_units(document: CartDocument) -> dict[str, int]:
    """What can be given away beside what is in the cart, by variant."""
    stock = document.gift_units
    if not stock:
        return {}
    wanted: dict[str, int] = {}
    for line in document.lines or ():
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    return gifts_left(stock, wanted, document.promised)


def shopper_of(user_id: str, known: ShopperDocument) -> Shopper:
    """A known customer, as pricing sees one."""
    return Shopper(
        user_id,
        frozenset(known.groups),
        known.completed_orders,
        kind=known.kind,
        is_tax_id_valid=known.is_tax_id_valid,
        is_tax_exempt=known.is_tax_exempt,
    )


def goods_of(line: LineDocument, prices: Prices, keeping: PriceKeeping, read_at: str) -> Goods:
    """What a line is of, at the price that its list asks now."""
    display = line.display
    amount, sale = charged_price(line, keeping, read_at), None
    compare_at = None if line.price is None else line.price[1]
    if compare_at is not None and compare_at > amount:
        amount, sale = compare_at, SalePrice(amount)
    return Goods(
        line.variant_id,
        amount,
        frozenset(display.categories) if display.categories else _NO_CATEGORIES,
        prices.tax_category(display.tax_category),
        display.weight_g,
        display.shipping_category,
        prices.floor(display.floor_minor),
        display.requires_shipping,
        sale,
        (),
        display.name,
        display.product_id,
    )


def _nothing(line: LineDocument) -> LineQuote:
    return LineQuote(line.id, 0, line.quantity, 0, (), 0, 0, line.display.tax_category)


def coupon_on(known: CouponDocument) -> CouponOn:
    """A code, as pricing sees one."""
    terms = known.coupon
    return CouponOn(
        known.promotion_id,
        Coupon(
            terms.code,
            terms.limit,
            terms.used,
            terms.per_customer,
            terms.used_by_customer,
            Period(terms.starts, terms.ends),
            terms.reject_if_reduced_line,
        ),
    )


def _basket_line(line: LineDocument, rules: ViewRules, read_at: str) -> BasketLine:
    goods = goods_of(line, rules.prices, rules.keeping, read_at)
    return BasketLine(line.id, goods, line.quantity, promised_price(line, rules.keeping, read_at))


def _line_request(line: LineDocument, rules: ViewRules, read_at: str) -> LineRequest:
    display, price = line.display, promised_price(line, rules.keeping, read_at)
    if price is None:
        price = charged_price(line, rules.keeping, read_at)
    return LineRequest(line.id, price, line.quantity, display.tax_category, display.requires_shipping)
