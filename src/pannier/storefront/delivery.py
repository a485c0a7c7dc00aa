"""Ways of shipping as a page offers them: what each costs, and when the goods would be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pannier.cart import CartShippingOption
from pannier.platform.database import Database
from pannier.pricebook import PriceHouse
from pannier.storefront import texts
from pannier.storefront.visit import Visit


@dataclass(frozen=True, slots=True)
class Method:
    """A way of shipping. `when` is empty where nobody says how long it takes."""

    id: str
    name: str
    amount_minor: int
    currency: str
    when: str
    is_selected: bool


def has_methods(visit: Visit) -> bool:
    """Whether the shop has ways of shipping to choose among, beside the one charge of its settings."""
    return visit.service(PriceHouse).newest.has_methods


def takes_codes(visit: Visit) -> bool:
    """Whether there is a code that could be entered."""
    return any(promotion.coupons is not None for promotion in visit.service(PriceHouse).newest.book.promotions)


def of_cart(visit: Visit, options: Sequence[CartShippingOption]) -> list[Method]:
    """Those that can be chosen for a cart."""
    return [
        _method(visit, one.id, one.name, one.amount.amount, one.amount.currency, one.delivery_days, one.is_selected)
        for one in options
        if one.is_available
    ]


def of_checkout(visit: Visit, options: Sequence[Mapping[str, Any]]) -> list[Method]:
    """Those that can be chosen for a checkout."""
    return [
        _method(
            visit,
            one["id"],
            one["name"],
            one["amount"]["amount"],
            one["amount"]["currency"],
            one["delivery_days"],
            one["is_selected"],
        )
        for one in options
    ]


def _method(
    visit: Visit, id_: str, name: str, amount: int, currency: str, days: Sequence[int] | None, is_selected: bool
) -> Method:
    arrival = visit.service(PriceHouse).newest.arrival_of(id_, visit.service(Database).clock.now())
    when = texts.between(*arrival) if arrival is not None else texts.days(*days) if days else ""
    return Method(id_, name, amount, currency, when, is_selected)
