"""Ways of shipping as a page offers them: what each costs, and when the goods would be there."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pannier.cart import CartShippingOption
from pannier.checkout import CheckoutPatch, CheckoutService
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.idempotency import is_recorded, key_of
from pannier.pricebook import PriceHouse
from pannier.storefront import texts
from pannier.storefront.forms import Form
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


async def methods_of(visit: Visit, checkout_id: uuid.UUID) -> list[Method]:
    """The ways in which what a checkout is about can be shipped, with what is known of where to."""
    if not has_methods(visit):
        return []
    found = await visit.service(CheckoutService).shipping_options(visit.principal, checkout_id)
    return of_checkout(visit, found["options"])


async def settle(visit: Visit, form: Form, checkout_id: uuid.UUID, chosen: str | None, *, again: bool) -> Method | None:
    """Choose the cheapest way where the `chosen` one, or None, cannot be had; None when nothing had to be changed.

    A shopper who has not been asked yet sees a total all the same, and it is what he pays unless he says otherwise.
    `again`: the one that is chosen was chosen so, when it was not known where to.
    """
    methods = await methods_of(visit, checkout_id)
    if not methods or (not again and any(one.id == chosen for one in methods)):
        return None
    best = cheapest(methods, visit.service(PriceHouse).newest.fetched_methods)
    if best.id == chosen:
        return None
    key = key_of(visit.principal, form.key("settle"), method="POST", target=visit.path, body=form.digest.encode())
    try:
        patch = CheckoutPatch(shipping_method=best.id)
        await visit.service(CheckoutService).update(visit.principal, checkout_id, patch, key=key)
    except PannierError as refusal:
        # A shop that asks step by step does not want to know it yet, and will ask.
        if not is_recorded(refusal):
            raise
        return None
    return best


def of_order(visit: Visit, method: str | None, placed_at: datetime) -> tuple[str, str] | None:
    """How an order is shipped, in words, and when it arrives; None where nothing is, or where nobody knows the way."""
    prices = visit.service(PriceHouse).newest
    found = prices.book.methods_by_id.get(method or "") if prices.has_methods else None
    if found is None:
        return None
    arrival = prices.arrival_of(found.id, placed_at)
    return found.title, "" if arrival is None else texts.between(*arrival)


def cheapest(methods: Sequence[Method], fetched: frozenset[str]) -> Method:
    """The way of least cost that comes to the shopper, the shop's own order deciding between equals."""
    return min(methods, key=lambda one: (one.id in fetched, one.amount_minor))


def _method(
    visit: Visit, id_: str, name: str, amount: int, currency: str, days: Sequence[int] | None, is_selected: bool
) -> Method:
    arrival = visit.service(PriceHouse).newest.arrival_of(id_, visit.service(Database).clock.now())
    when = texts.between(*arrival) if arrival is not None else texts.days(*days) if days else ""
    return Method(id_, name, amount, currency, when, is_selected)
