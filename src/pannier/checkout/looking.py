"""A checkout as it stands, and what is decided of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pannier.checkout import rules, view
from pannier.checkout.models import Basket, BasketLine, HouseRules, NextStep, Requirement, Session
from pannier.checkout.pricing import figures_of
from pannier.checkout.repository import Placing
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.payments import Attempt
from pannier.pricing import BasketRequest, Quote, ShippingChoice, shipping_choices


class GiftsToLockError(Exception):
    """The order would give goods away whose stock is not locked: once more, with that."""

    def __init__(self, variants: frozenset[uuid.UUID]) -> None:
        super().__init__("there are gifts whose stock is not locked")
        self.variants = variants


@dataclass(frozen=True, slots=True)
class Decision:
    """What to answer, and what to store: a session (`save`), an order (`place`), or nothing.

    With a refusal the answer is that one; a session may be stored all the same. With `pay` or `resume` there is no
    answer yet.
    """

    document: Mapping[str, Any] | None = None
    status: int = 200
    refusal: PannierError | None = None
    save: Mapping[str, Any] | None = None
    place: Placing | None = None
    #: A payment that begins (stored by `save`), or one that is under way and has to be carried on first.
    pay: Attempt | None = None
    resume: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A session over its cart as it is now: what it is about, what that costs, what is missing."""

    session: Session
    basket: Basket
    lines: tuple[BasketLine, ...]
    quoted: Quote
    found: list[Requirement]
    next_step: NextStep
    #: The question that `quoted` answers, where that was a whole one.
    request: BasketRequest | None = None

    def choices(self, house: HouseRules) -> tuple[ShippingChoice, ...]:
        """Every way of shipping, with what it would cost."""
        request = self.request or rules.request_of(self.session, self.basket, self.lines, house.prices)
        return () if request is None else shipping_choices(request)

    def document(self, house: HouseRules) -> dict[str, Any]:
        """The session on the wire."""
        return view.show_open(
            self.session, self.basket, self.lines, self.quoted, self.found, house.prices, self.next_step
        )


@dataclass(frozen=True, slots=True)
class Lives:
    """How long things last."""

    checkout: timedelta
    hold_cap: timedelta


def look(session: Session, basket: Basket | None, house: HouseRules, *, trusts_fallback: bool = True) -> Look:
    """The session as it stands. A cart that is gone shows as an empty one.

    `trusts_fallback`: figures that were shown without a provider's word stay. Raises AskError.
    """
    if basket is None:
        # XXX is how ISO 4217 writes that there is no currency.
        basket = Basket(session.cart_id, 0, False, None, "XXX", "", ())
    figures = figures_of(session, basket, house, trusts_fallback=trusts_fallback)
    lines, quoted, request = figures.lines, figures.quoted, figures.request
    if session.provided is not figures.provided:
        session = replace(session, provided=figures.provided)
    found = rules.requirements(session, basket, lines, quoted, house)
    if session.status in rules.OPEN and session.status not in rules.PAYING:
        status = rules.status_of(found)
        session = session if session.status == status else replace(session, status=status)
    step = rules.next_step(session, lines, quoted, house)
    return Look(session, basket, lines, quoted, found, step, request)


def applied(quoted: Quote) -> tuple[str, ...]:
    return tuple([one.promotion_id for one in quoted.applied])


def given(quoted: Quote) -> dict[str, int]:
    """Units that promotions give away, by variant."""
    units: dict[str, int] = {}
    for line in quoted.lines:
        if line.is_gift:
            units[line.product_id] = units.get(line.product_id, 0) + line.quantity
    return units


def shown(quoted: Quote) -> dict[str, Any]:
    """What counts as shown to the shopper from now on."""
    return {
        "shown_total_minor": quoted.totals.total_minor,
        "shown_promotions": applied(quoted),
        "shown_gifts": given(quoted),
        "shown_due_minor": quoted.due_minor,
    }


def event(kind: str, aggregate_id: uuid.UUID, version: int, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "aggregate_id": aggregate_id,
        "version": version,
        "aggregate_kind": kind,
        "id": uuid7(),
        "type": name,
        "data": data,
    }


def session_event(session: Session, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return event("checkout", session.id, session.version, name, data)
