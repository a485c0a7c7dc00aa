"""What a scenario comes to, told in the words of its `then`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pannier.pricing.book import BasketRequest
from pannier.pricing.exact import half_up, rounded
from pannier.pricing.models import LineQuote, Quote
from pannier.pricing.scenario.shop import Cart, ScenarioShop
from pannier.pricing.work import Work

#: Figures of a line that are amounts.
_AMOUNTS = ("unit_price", "subtotal", "item_discount", "order_discount", "total", "tax_included", "tax_added")


def figures_of(request: BasketRequest, quoted: Quote) -> dict[str, Any]:
    """What a basket comes to: totals, lines, promotions, ways of shipping and the ground of its tax.

    A line has what pricing knows of it; of the lines of a house that rounds tax for the order there is no tax.
    """
    assert quoted.shipping is not None
    work = Work(request)
    is_taxed_by_line = request.book.policy.tax_level in ("line", "unit")
    lines = []
    for place, line in enumerate(quoted.lines):
        shown = _line(line, is_taxed_by_line=is_taxed_by_line)
        net = work.unit_net(place) if place < len(work.ledger.goods) else None
        if net is not None:
            shown["unit_net"] = net
        lines.append(shown)
    return {
        "totals": totals(quoted),
        "lines": lines,
        "applied": [one.promotion_id for one in quoted.applied],
        "available_shipping": list(quoted.shipping.available),
        "shipping_method": quoted.shipping.method,
        "tax_ground": quoted.tax_ground,
    }


def answer(shop: ScenarioShop, who: str, channel: str | None, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that can be said of the shopper's cart and of the others."""
    quoted = shop.quote(who, channel)
    cart = shop.cart(who, channel)
    figures = figures_of(shop.request(who, channel), quoted)
    lines = [_with_own(line, own.line_id, cart) for line, own in zip(figures["lines"], quoted.lines, strict=True)]
    gifts = [line for line in quoted.lines if line.is_gift]
    found: dict[str, Any] = {
        **figures,
        "lines": lines,
        "coupons": list(cart.codes),
        "line_count": len(cart.lines) + len(gifts),
        "total_qty": cart.units + sum([gift.quantity for gift in gifts]),
        "errors": errors,
        "unavailable_lines": [line.product for line in cart.lines if shop.is_unavailable(line, channel)],
        "grand_by": {name: shop.quote(name, channel).totals.total_minor for name, of in shop.carts if of == channel},
        "carts": {
            name: [{"product": line.product, "qty": line.quantity, "options": line.options} for line in each.lines]
            for (name, of), each in shop.carts.items()
            if of == channel
        },
        "coupon_usage": {
            coupon.code: coupon.used for promotion in shop.book.promotions for coupon in promotion.coupons or ()
        },
    }
    rate = shop.rate(shop.base_currency, shop.currency)
    if shop.base_currency != shop.currency and rate is not None:
        found["display"] = {
            "totals": {name: _converted(amount, rate) for name, amount in found["totals"].items()},
            "lines": [_displayed(line, rate) for line in lines],
        }
    if quoted.tenders or shop.purses:
        found["tenders"] = [tender._asdict() for tender in quoted.tenders]
        found["due"] = quoted.due_minor
    if shop.book.loyalty is not None:
        found["points_earned"] = quoted.points_earned
    return found


def totals(quoted: Quote) -> dict[str, int]:
    """The figures of a quote by the names of the acceptance cases."""
    figures, shipping = quoted.totals, quoted.shipping
    assert shipping is not None
    return {
        "items_subtotal": figures.subtotal_minor,
        "item_discounts": sum([line.item_discount_minor for line in quoted.lines]),
        "order_discounts": sum([line.order_discount_minor for line in quoted.lines]),
        "discount_total": figures.discount_minor,
        "shipping_full": shipping.full_minor,
        "shipping_discount": shipping.discount_minor,
        "shipping": shipping.cost_minor,
        "tax_added": figures.tax_added_minor,
        "tax_included": figures.tax_included_minor,
        "shipping_tax_added": shipping.tax_added_minor,
        "shipping_tax_included": shipping.tax_included_minor,
        "grand": figures.total_minor,
        "net": figures.total_minor - figures.tax_minor,
    }


def _with_own(shown: dict[str, Any], line_id: Any, cart: Cart) -> dict[str, Any]:
    """The line with what the cart knows of it: its options, and how its price has moved since it was added."""
    own = next((line for line in cart.lines if line.line_id == line_id), None)
    told = {**shown, "options": {} if own is None else own.options}
    if own is not None and own.first_unit_minor is not None:
        told["price_change"] = shown["unit_price"] - own.first_unit_minor
    return told


def _line(line: LineQuote, *, is_taxed_by_line: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "product": line.product_id,
        "qty": line.quantity,
        "unit_price": line.unit_price_minor,
        "subtotal": line.subtotal_minor,
        "item_discount": line.item_discount_minor,
        "order_discount": line.order_discount_minor,
        "total": line.total_minor,
        "unit_discounts": list(line.unit_discounts) or [0] * line.quantity,
    }
    if is_taxed_by_line:
        shown["tax_included"] = line.tax_included_minor
        shown["tax_added"] = line.tax_minor - line.tax_included_minor
    if line.is_gift:
        shown["gift"] = True
    return shown


def _displayed(line: Mapping[str, Any], rate: Fraction) -> dict[str, Any]:
    """A line with every figure converted by itself."""
    shown = dict(line)
    for name in _AMOUNTS:
        if name in shown:
            shown[name] = _converted(shown[name], rate)
    shown["unit_discounts"] = [_converted(amount, rate) for amount in line["unit_discounts"]]
    return shown


def _converted(amount: int, rate: Fraction) -> int:
    return rounded(amount * rate, half_up)
