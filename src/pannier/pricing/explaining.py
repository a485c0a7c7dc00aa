"""The figures of a quote in words: every step with its reason, and what is missing for what did not apply."""

from __future__ import annotations

from pannier.kernel.money import format_amount
from pannier.pricing.bookings import ShortGift
from pannier.pricing.conditions import Contains, MinQuantity, MinSubtotal, Unmet
from pannier.pricing.delivery import Delivery
from pannier.pricing.exact import plain
from pannier.pricing.models import LineQuote, Quote, QuoteMessage, Step
from pannier.pricing.promotions import Promotion
from pannier.pricing.stacking import Outcome
from pannier.pricing.taxes import TaxPart
from pannier.pricing.taxing import TaxSheet
from pannier.pricing.work import Work

_REASONS = {
    "inactive": "it is switched off",
    "not_started": "it has not begun",
    "expired": "it is over",
    "usage_limit": "it has been used as often as it may be",
    "customer_limit": "you have used it as often as you may",
    "no_code": "it needs a code",
    "not_applicable": "it is not for baskets with reduced goods",
    "exclusive": "another promotion stands alone",
    "stopped": "a promotion before it lets none follow",
    "lane": "another promotion of its kind applies",
    "better without": "without it the total is lower",
}
#: Conditions that the shopper can meet by buying more.
_REACHABLE = (MinSubtotal, MinQuantity, Contains)


def messages(work: Work, outcome: Outcome, delivery: Delivery) -> list[QuoteMessage]:
    """What the shopper should know: what is missing for a promotion, why one does not apply, free delivery."""
    currency = work.book.currency
    found = [QuoteMessage(*_missed(promotion, reason, unmet, currency)) for promotion, reason, unmet in outcome.missed]
    found += [short_gift(one) for one in work.ledger.short]
    method = delivery.method
    if method is not None and delivery.parcel.units:
        missing = method.missing_for_free(delivery.parcel)
        if missing is not None and delivery.cost_minor > 0:
            found.append(
                QuoteMessage("FREE_DELIVERY_NEAR", f"Add {format_amount(missing, currency)} for free delivery.")
            )
        if method not in delivery.available:
            reason = method.refusal(delivery.parcel, work.zone, currency)
            found.append(QuoteMessage("SHIPPING_NOT_AVAILABLE", f"{method.title} is not available: {reason}."))
    for other in work.book.shipping_methods:
        if delivery.parcel.units and other is not method:
            reason = other.refusal(delivery.parcel, work.zone, currency)
            if reason is not None:
                found.append(QuoteMessage("SHIPPING_METHOD_NOT_AVAILABLE", f"{other.title}: {reason}."))
    return found


def short_gift(one: ShortGift) -> QuoteMessage:
    """That a gift is not there, or not as often as it would be given."""
    left = (
        f"{one.given} of {one.wanted} × {one.name} are there, and given."
        if one.given
        else f"{one.name} is out of stock."
    )
    return QuoteMessage("GIFT_OUT_OF_STOCK", f"The gift of a promotion falls short: {left}")


def _missed(promotion: Promotion, reason: str, unmet: Unmet | None, currency: str) -> tuple[str, str]:
    if unmet is None:
        return "PROMOTION_NOT_APPLIED", f"{promotion.title} does not apply: {_REASONS[reason]}."
    hint = unmet.condition.hint(unmet.have, currency)
    if isinstance(unmet.condition, _REACHABLE):
        gives = ", ".join(action.describe(currency) for action in promotion.actions) or promotion.title
        return "PROMOTION_NEAR", f"{hint[:1].upper()}{hint[1:]} for {gives} ({promotion.title})."
    return "PROMOTION_NOT_APPLIED", f"{promotion.title} does not apply: {hint}."


def steps(work: Work, outcome: Outcome, delivery: Delivery, sheet: TaxSheet, quoted: Quote) -> list[Step]:
    """Every figure with its reason, in the order of the stages. Discounts are negative."""
    del outcome
    found = [step for line in quoted.lines for step in _price_steps(line, quoted.currency)]
    found += _discount_steps(work, quoted)
    found += _shipping_steps(work, delivery)
    found += _tax_steps(work, sheet, quoted)
    totals = quoted.totals
    sums = [("goods", totals.subtotal_minor), ("discounts", -totals.discount_minor)]
    sums += [("shipping", totals.shipping_minor), ("added tax", totals.tax_added_minor)]
    sums.append(("kept net prices", sheet.correction_minor))
    reason = " ".join(
        _signed(name, amount, quoted.currency, is_first=name == "goods") for name, amount in sums if amount
    )
    found.append(Step("total", None, totals.total_minor, reason or "nothing to pay"))
    found += [
        Step("tender", None, -tender.amount_minor, f"{tender.kind.replace('_', ' ')} {tender.reference}")
        for tender in quoted.tenders
    ]
    return found


def _signed(name: str, amount: int, currency: str, *, is_first: bool) -> str:
    text = f"{format_amount(abs(amount), currency)} {name}"
    if is_first:
        return text
    return f"− {text}" if amount < 0 else f"+ {text}"


def _price_steps(line: LineQuote, currency: str) -> list[Step]:
    found = [Step(stage.stage, line.line_id, stage.price_minor, stage.source or "a unit") for stage in line.prices]
    times = f"{line.quantity} × {format_amount(line.unit_price_minor, currency)}"
    return [*found, Step("price", line.line_id, line.subtotal_minor, times)]


def _discount_steps(work: Work, quoted: Quote) -> list[Step]:
    titles = {promotion.id: promotion.title for promotion in work.book.promotions}
    found = []
    for booking in work.ledger.bookings:
        reason = f"{titles[booking.source]}: {booking.describe(quoted.currency)}"
        for place, amount in booking.entries():
            if amount:
                stage = "order discount" if booking.is_order_level else "line discount"
                found.append(Step(stage, quoted.lines[place].line_id, -amount, reason))  # type: ignore[arg-type] # one of two
    return found


def _shipping_steps(work: Work, delivery: Delivery) -> list[Step]:
    method, parcel, currency = delivery.method, delivery.parcel, work.book.currency
    if method is None:
        return [Step("shipping", None, 0, "no method is chosen" if parcel.units else "nothing has to be shipped")]
    if not parcel.units and not delivery.full_minor:
        return [Step("shipping", None, 0, "nothing has to be shipped")]
    reason = f"{method.title}: {method.charge.describe(parcel, currency)}"
    if method.is_free(parcel):
        reason = f"{method.title}: free from {format_amount(method.free_from_minor or 0, currency)}"
    found = [Step("shipping", None, delivery.full_minor, reason)]
    for promotion, action, amount in delivery.off:
        why = f"{promotion.title}: {action.describe(currency)}"
        found.append(Step("shipping discount", None, -amount, why))
    return found


def _tax_steps(work: Work, sheet: TaxSheet, quoted: Quote) -> list[Step]:
    if work.tax_ground != "home_rate":
        return [Step("tax", None, 0, f"no tax: {work.tax_ground.replace('_', ' ')}")]
    if sheet.parts is not None:
        return [Step("tax", None, part.amount_minor, f"{_rate(part)}, of the order") for part in sheet.parts]
    found = []
    for line in quoted.lines:
        found += [Step("tax", line.line_id, part.amount_minor, _rate(part)) for part in line.taxes]
        if not line.taxes:
            found.append(Step("tax", line.line_id, 0, "no rate on these goods"))
    return found + [
        Step("tax", None, part.amount_minor, f"{_rate(part)}, of shipping") for part in sheet.shipping.parts
    ]


def _rate(part: TaxPart) -> str:
    place = "inside the price" if part.rate.is_included else "on top"
    return f"{part.rate.title} {plain(part.rate.percent)} % {place}"
