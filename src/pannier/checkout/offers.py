"""Ways of paying and shipping that a shop offers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from pannier.checkout.errors import PaymentMethodUnavailableError, ShippingNotAvailableError
from pannier.checkout.gift_cards import gift_cards_of
from pannier.checkout.models import Basket, HouseRules, Session, Tenders

_OF_TENDERS = frozenset({"gift_cards", "adds_gift_cards", "gift_card_off", "store_credit", "points"})


def check(changes: Mapping[str, Any], house: HouseRules, at: datetime) -> None:
    """Raises for ways of paying and shipping that are not offered, before there is a session."""
    none = uuid.UUID(int=0)
    session = Session(
        id=none, cart_id=none, status="incomplete", version=0, created_at=at, updated_at=at, expires_at=at
    )
    chosen = replace(
        session, payment_method=changes.get("payment_method"), shipping_method=changes.get("shipping_method")
    )
    checked(chosen, house)


def checked(session: Session, house: HouseRules) -> Session:
    """Raises for ways of paying and shipping that are not offered."""
    if session.payment_method is not None and session.payment_method not in house.payment_methods:
        raise PaymentMethodUnavailableError(
            f"{session.payment_method} is not offered; {' and '.join(house.payment_methods)} are.",
            field="payment_method",
            details={"available": list(house.payment_methods)},
        )
    offered = house.prices.book.methods_by_id
    if session.shipping_method is not None and session.shipping_method not in offered:
        raise no_such_shipping(session.shipping_method, [method.id for method in offered.values() if method.is_enabled])
    return session


def no_such_shipping(method: str | None, available: Sequence[str]) -> ShippingNotAvailableError:
    """The refusal of a way of shipping that there is not, or not for these goods and this place."""
    return ShippingNotAvailableError(
        f"There is no shipping method {method} for this; see shipping-options.",
        field="shipping_method",
        details={"available": list(available)},
    )


def told(session: Session, changes: Mapping[str, Any], basket: Basket | None, on: date) -> Session:
    """The session with what a shopper tells of it; what pays beside money is told in parts, gift cards by codes.

    With `adds_gift_cards` they pay beside those the session has, and not in their place; `gift_card_off` is the id of
    one that pays no longer. Raises GiftCardRejectedError for a card that cannot pay.
    """
    if not changes and session.draft is None and session.tenders is None:
        return session
    plain = {name: value for name, value in changes.items() if name not in _OF_TENDERS}
    tenders = session.tenders or Tenders()
    if "gift_cards" in changes:
        before = tenders.gift_cards if changes.get("adds_gift_cards") else ()
        cards = (*before, *gift_cards_of(changes["gift_cards"] or (), basket, on))
        tenders = replace(tenders, gift_cards=tuple(dict.fromkeys(cards)))
    if "gift_card_off" in changes:
        left = [card for card in tenders.gift_cards if card != changes["gift_card_off"]]
        tenders = replace(tenders, gift_cards=tuple(left))
    if "store_credit" in changes:
        tenders = replace(tenders, store_credit=bool(changes["store_credit"]))
    if "points" in changes:
        tenders = replace(tenders, points=changes["points"])
    draft = {name: value for name, value in (session.draft or {}).items() if name not in plain} or None
    return replace(session, **plain, draft=draft, tenders=None if tenders == Tenders() else tenders)


def tenders_told(changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of a change is about paying beside money; None where nothing is."""
    return {name: value for name, value in changes.items() if name in _OF_TENDERS} or None
