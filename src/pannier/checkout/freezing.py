"""The figures of an order and what made them, as they stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pannier.checkout import rules, view
from pannier.checkout.models import Basket, BasketLine, Session
from pannier.pricing import BasketRequest, LineQuote, Prices, Quote, ShippingQuote, unit_nets


def frozen_quote(
    quoted: Quote,
    prices: Prices,
    basket: Basket,
    session: Session,
    at: datetime,
    lines: Sequence[BasketLine] = (),
    request: BasketRequest | None = None,
) -> dict[str, Any]:
    """The figures of an order and what made them, as they stay: enough to tell later why it cost that.

    Of `lines` it is told how the price of a unit has moved since it was added; `request` is what `quoted` answers.
    """
    added = {line.id: line.added_minor for line in lines}
    asked = () if request is None else tuple(zip(request.lines, unit_nets(request), strict=True))
    nets = {line.line_id: net for line, net in asked}
    around, shipping = basket.around, quoted.shipping
    destination = rules.destination_of(session) or (None if around is None else around.destination)
    return {
        "quoted_at": at,
        "price_revision": prices.revision,
        "providers": session.provided,
        "exchange": view.exchange(prices),
        "tax_percent": str(prices.rules.tax_percent),
        "tax_included": view.is_tax_included(quoted, prices),
        "tax_ground": quoted.tax_ground,
        "zone": prices.zone_of(destination),
        "destination": destination,
        "totals": {
            **quoted.totals._asdict(),
            "item_discount_minor": sum([line.item_discount_minor for line in quoted.lines]),
            "order_discount_minor": sum([line.order_discount_minor for line in quoted.lines]),
            "net_minor": quoted.totals.total_minor - quoted.totals.tax_minor,
        },
        "codes": [] if around is None else [on.coupon.code for on in around.coupons],
        "promotions": [view.promotion(one, quoted.currency) for one in quoted.applied],
        "tenders": [view.tender(one, basket, quoted.currency) for one in quoted.tenders],
        "points_earned": quoted.points_earned,
        "taxes": view.tax_parts(quoted, prices),
        "shipping": None if shipping is None else _shipping(shipping),
        "lines": [_line(line, added.get(line.line_id), nets.get(line.line_id)) for line in quoted.lines],
        "steps": [[step.stage, step.line_id, step.amount_minor, step.reason] for step in quoted.steps],
    }


def _shipping(shipping: ShippingQuote) -> dict[str, Any]:
    return {
        "method": shipping.method,
        "full": shipping.full_minor,
        "discount": shipping.discount_minor,
        "cost": shipping.cost_minor,
        "tax_added": shipping.tax_added_minor,
        "tax_included": shipping.tax_included_minor,
    }


def _line(line: LineQuote, added_minor: int | None, net: int | None) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "unit_price": line.unit_price_minor,
        "quantity": line.quantity,
        "subtotal": line.subtotal_minor,
        "discounts": [discount._asdict() for discount in line.discounts],
        "item_discount": line.item_discount_minor,
        "order_discount": line.order_discount_minor,
        "unit_discounts": list(line.unit_discounts),
        "total": line.total_minor,
        "tax": line.tax_minor,
        "tax_included": line.tax_included_minor,
        "tax_added": line.tax_minor - line.tax_included_minor,
        "tax_category": line.tax_category,
        "price_change": _moved(line, added_minor),
        "unit_net": net,
    }


def _moved(line: LineQuote, added_minor: int | None) -> int:
    """What a unit costs more than it was shown to cost when it was added."""
    return 0 if added_minor is None else line.unit_price_minor - added_minor
