"""How a basket is priced, stage by stage: price, discount, shipping, tax. See docs/explanation/pricing.md."""

from __future__ import annotations

from pannier.kernel.money import format_amount
from pannier.pricing.book import BasketRequest
from pannier.pricing.engine import price
from pannier.pricing.models import NO_DETAILS, LineQuote, PricingRules, Quote, QuoteRequest, Step, Totals


def quote(request: QuoteRequest | BasketRequest) -> Quote:
    """Price a basket. Prices are not negative and quantities are positive; the database sees to both.

    A `BasketRequest` asks for everything that its `PriceBook` knows. A `QuoteRequest` knows one tax and one charge
    for shipping; its tax is rounded half up on each line, so that lines add up to the total and a returned line gives
    back exactly the tax it paid.
    """
    if isinstance(request, BasketRequest):
        return price(request)
    rules = request.rules
    part, whole = rules.tax_part
    subtotal = tax = 0
    needs_shipping, is_included = False, rules.tax_included
    lines: list[LineQuote] = []
    new = tuple.__new__
    for line_id, unit_price, quantity, tax_category, requires_shipping in request.lines:
        amount = unit_price * quantity
        line_tax = (2 * amount * part + whole) // (2 * whole) if part and tax_category else 0
        subtotal += amount
        tax += line_tax
        needs_shipping = needs_shipping or requires_shipping
        inside = line_tax if is_included else 0
        # A named tuple's own way to be made is a call more, and a line of a cart is made on every read of it.
        figures = (line_id, unit_price, quantity, amount, (), amount, line_tax, tax_category, inside)
        lines.append(new(LineQuote, figures + NO_DETAILS))
    shipping = shipping_cost(rules, subtotal, needs_shipping=needs_shipping)
    added, included = (0, tax) if is_included else (tax, 0)
    totals = Totals(subtotal, 0, shipping, added, included, subtotal + shipping + added)
    return Quote(request.currency, tuple(lines), totals, needs_shipping)


def shipping_cost(rules: PricingRules, goods_minor: int, *, needs_shipping: bool) -> int:
    """What shipping costs for goods of that total; nothing where nothing has to be shipped."""
    free_from = rules.ships_free_from_minor
    if not needs_shipping or (free_from is not None and goods_minor >= free_from):
        return 0
    return rules.shipping_flat_minor


def explain(request: QuoteRequest, quoted: Quote) -> tuple[Step, ...]:
    """The figures of a quote with the reason for each, in the order of the stages."""
    rules, currency = request.rules, quoted.currency
    steps = [
        Step(
            "price",
            line.line_id,
            line.subtotal_minor,
            f"{line.quantity} × {format_amount(line.unit_price_minor, currency)}",
        )
        for line in quoted.lines
    ]
    steps.append(Step("shipping", None, quoted.totals.shipping_minor, _shipping_reason(request, quoted)))
    place = "inside the price" if rules.tax_included else "on top"
    steps.extend(
        Step(
            "tax",
            line.line_id,
            line.tax_minor,
            f"{rules.tax_percent} % {place}" if line.tax_category else "no tax on these goods",
        )
        for line in quoted.lines
    )
    return tuple(steps)


def _shipping_reason(request: QuoteRequest, quoted: Quote) -> str:
    rules = request.rules
    if not quoted.needs_shipping:
        return "nothing has to be shipped"
    free_from = rules.shipping_free_from_minor
    if free_from is None:
        return "flat"
    word = "from" if rules.shipping_free_operator == "gte" else "above"
    if quoted.totals.shipping_minor == 0 < rules.shipping_flat_minor:
        return f"free {word} {format_amount(free_from, quoted.currency)}"
    return f"flat; free {word} {format_amount(free_from, quoted.currency)}"
