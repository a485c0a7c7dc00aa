"""How a basket is priced: shelf prices, promotions, shipping, tax, total, tenders. docs/explanation/pricing.md."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from pannier.kernel.money import minor_digits
from pannier.pricing.book import BasketRequest
from pannier.pricing.combining import best_combination
from pannier.pricing.delivery import Delivery, charge, choose
from pannier.pricing.explaining import messages, steps
from pannier.pricing.lazy import Lazy
from pannier.pricing.ledger import Ledger
from pannier.pricing.models import Applied, Discount, LineQuote, Quote, ShippingQuote, Totals
from pannier.pricing.promotions import Promotion
from pannier.pricing.shelf import PriceStage
from pannier.pricing.stacking import Outcome, best_per_item, candidates, in_rounds, stack
from pannier.pricing.taxing import TaxSheet, tax
from pannier.pricing.tender import tenders
from pannier.pricing.work import Work


def price(request: BasketRequest) -> Quote:
    """The quote of a basket: pure, exact, the same for the same request."""
    work = Work(request)
    outcome = promote(work)
    delivery = choose(work)
    chosen = None if delivery.method is None else delivery.method.id
    if request.book.asks_for_method and chosen != work.shipping_method:
        # The method was chosen by the house and not by the shopper, and some promotion asks which it is.
        work = Work(request)
        work.shipping_method = chosen
        outcome = promote(work)
        delivery = choose(work)
    charge(work, delivery, outcome.shipping)
    return _quote(work, outcome, delivery, tax(work, delivery))


def promote(work: Work) -> Outcome:
    """Let the promotions take off the goods what they give."""
    outcome = Outcome()
    found = candidates(work, outcome)
    if not found:
        return outcome
    selection = work.policy.selection
    if selection == "best_per_item":
        best_per_item(work, found, outcome)
    elif selection == "best_combination":
        best_combination(work, found, outcome, _total)
    else:
        if selection == "consume_first_match":
            work.ledger.is_consuming = True
            outcome.is_giving_only = True
        (in_rounds if work.policy.phase == "item_then_order" else stack)(work, found, outcome)
    return outcome


def _total(work: Work, outcome: Outcome) -> int:
    """What there is to pay once the promotions are through."""
    delivery = choose(work)
    charge(work, delivery, outcome.shipping)
    return _totals(work.ledger, delivery, tax(work, delivery)).total_minor


def _totals(ledger: Ledger, delivery: Delivery, sheet: TaxSheet) -> Totals:
    subtotal, goods = sum(ledger.subtotal), sum(ledger.total)
    shipping = delivery.cost_minor
    total = goods + shipping + sheet.added_minor + sheet.correction_minor
    return Totals(subtotal, subtotal - goods, shipping, sheet.added_minor, sheet.included_minor, total)


def _quote(work: Work, outcome: Outcome, delivery: Delivery, sheet: TaxSheet) -> Quote:
    ledger, book, request = work.ledger, work.book, work.request
    totals = _totals(ledger, delivery, sheet)
    loyalty = book.loyalty
    earned = 0
    if loyalty is not None:
        goods = totals.subtotal_minor - totals.discount_minor
        earned = loyalty.earned(goods, 10 ** minor_digits(book.currency), work.groups)
    quoted = Quote(
        book.currency,
        tuple(_lines(work, sheet)),
        totals,
        delivery.parcel.units > 0,
        Lazy(lambda _: messages(work, outcome, delivery), None),
        _shipping(delivery, sheet),
        Lazy(TaxSheet.by_rate, sheet),
        _applied(ledger, outcome, delivery),
        work.tax_ground,
        tenders(totals.total_minor, request.purses, loyalty) if request.purses else (),
        earned,
        short_gifts=tuple(ledger.short),
    )
    return quoted._replace(steps=Lazy(lambda _: steps(work, outcome, delivery, sheet, quoted), None))


def _lines(work: Work, sheet: TaxSheet) -> list[LineQuote]:
    ledger, request = work.ledger, work.request.lines
    by_line = Lazy(_discounts, ledger)
    has_any = bool(ledger.bookings)
    own = len(request)
    ids = [line.line_id for line in request]
    # A gift has no line in the cart, and so no id that somebody gave it.
    ids += [work.gift_id(place) for place in range(own, len(ledger.goods))]
    nothing: Sequence[Any] = ()
    discounts_of, stages_of, units_of = by_line.__getitem__, partial(_stages, work), ledger.unit_discounts
    columns = (ids, ledger.goods, ledger.quantity, ledger.unit, ledger.subtotal, ledger.total, ledger.order_off())
    lines, new = [], tuple.__new__
    for place, (line_id, goods, quantity, unit, subtotal, total, order_off, (inside, on_top, taxes)) in enumerate(
        zip(*columns, sheet.lines, strict=True)
    ):
        discounts = Lazy(discounts_of, place) if has_any else nothing
        units = Lazy(units_of, place) if has_any else nothing
        amounts = (unit, quantity, subtotal, discounts, total, inside + on_top, goods.tax_category, inside)
        # As LineQuote(…) does it, with a call less for each line.
        details = (subtotal - total - order_off, order_off, goods.id, place >= own, taxes)
        lines.append(new(LineQuote, (line_id, *amounts, *details, Lazy(stages_of, place), units)))
    return lines


def _discounts(ledger: Ledger) -> list[list[Discount]]:
    """What each promotion takes off each line."""
    taken: list[dict[str, int]] = [{} for _ in ledger.goods]
    for booking in ledger.bookings:
        for line, amount in booking.entries():
            if amount:
                taken[line][booking.source] = taken[line].get(booking.source, 0) + amount
    return [[Discount(source, amount) for source, amount in of_line.items()] for of_line in taken]


def _stages(work: Work, place: int) -> tuple[PriceStage, ...]:
    own = work.request.lines
    if place < len(own) and own[place].fixed_price_minor is not None:
        return (PriceStage("list price", work.ledger.unit[place], "promised"),)
    return work.shelf(work.ledger.goods[place]).stages


def _applied(ledger: Ledger, outcome: Outcome, delivery: Delivery) -> tuple[Applied, ...]:
    goods: dict[str, int] = {}
    for booking in ledger.bookings:
        goods[booking.source] = goods.get(booking.source, 0) + sum(booking.amounts)
    shipping: dict[str, int] = {}
    for promotion, _, amount in delivery.off:
        shipping[promotion.id] = shipping.get(promotion.id, 0) + amount
    order: dict[str, Promotion] = {one.id: one for one in (*outcome.applied, *outcome.shipping)}
    applied = [Applied(one.id, one.title, goods.get(one.id, 0), shipping.get(one.id, 0)) for one in order.values()]
    if outcome.is_giving_only:
        return tuple([one for one in applied if one.goods_minor or one.shipping_minor])
    return tuple(applied)


def _shipping(delivery: Delivery, sheet: TaxSheet) -> ShippingQuote:
    return ShippingQuote(
        None if delivery.method is None else delivery.method.id,
        delivery.full_minor,
        delivery.discount_minor,
        delivery.cost_minor,
        sheet.shipping.added_minor,
        sheet.shipping.included_minor,
        tuple([method.id for method in delivery.available]),
        sheet.shipping.parts,
    )
