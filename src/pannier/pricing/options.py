"""The ways in which a basket can be shipped, each with what it would cost. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from pannier.pricing.book import BasketRequest
from pannier.pricing.delivery import parcel_of
from pannier.pricing.engine import price
from pannier.pricing.models import Quote
from pannier.pricing.work import Work


class ShippingChoice(NamedTuple):
    """A way of shipping. `cost` is after promotions and before added tax; `refusal` says why it cannot be chosen."""

    method: str
    name: str
    cost_minor: int
    tax_added_minor: int
    total_minor: int
    delivery_days: tuple[int, int] | None
    refusal: str | None = None


def shipping_choices(request: BasketRequest, quoted: Quote | None = None) -> tuple[ShippingChoice, ...]:
    """Every way that can be chosen, in the shop's order, and then those that cannot with the reason.

    Each is priced by itself, since a promotion may depend on how it is shipped. `quoted` is the basket as it is.
    """
    quoted = price(request) if quoted is None else quoted
    assert quoted.shipping is not None
    if not quoted.needs_shipping and not quoted.shipping.full_minor:
        return ()
    work, book = Work(request), request.book
    parcel = parcel_of(work)
    found, refused = [], []
    for method in sorted(book.shipping_methods, key=lambda one: one.position):
        if method.id in quoted.shipping.available:
            priced = (
                quoted if quoted.shipping.method == method.id else price(replace(request, shipping_method=method.id))
            )
            assert priced.shipping is not None
            figures = (priced.shipping.cost_minor, priced.shipping.tax_added_minor, priced.totals.total_minor)
            found.append(ShippingChoice(method.id, method.title, *figures, method.delivery_days))
        elif method.is_enabled:
            reason = method.refusal(parcel, work.zone, book.currency) or "not for these goods"
            refused.append(ShippingChoice(method.id, method.title, 0, 0, 0, method.delivery_days, reason))
    return (*found, *refused)
