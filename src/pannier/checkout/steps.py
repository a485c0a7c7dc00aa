"""What becomes of a locked checkout: each step takes what was found and answers a decision, or raises a refusal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pannier.checkout import rules, stepping, view
from pannier.checkout.completion.begin import Asks, begin_payment
from pannier.checkout.completion.session import (
    interrupted,
    is_paid_for,
    links_of,
    looked,
    open_session,
    require_alive,
    waiting,
)
from pannier.checkout.consent import require_consent
from pannier.checkout.errors import EmptyCartError, PromotionChangedError, TotalChangedError, refusal_of
from pannier.checkout.looking import (
    Decision,
    GiftsToLockError,
    Lives,
    Look,
    applied,
    given,
    look,
    session_event,
    shown,
)
from pannier.checkout.models import Basket, HouseRules, Session
from pannier.checkout.offers import checked, no_such_shipping, told
from pannier.checkout.placing import place
from pannier.checkout.repository import Found
from pannier.kernel.ids import uuid7
from pannier.kernel.money import AMOUNT_MAX
from pannier.orders import money
from pannier.pricing import AmountTooLargeError, Quote, quote


def show(found: Found, house: HouseRules, *, explains: bool = False) -> dict[str, Any]:
    """A session as anybody who may see it sees it; `explains`: with the reason of every figure.

    Raises CheckoutExpiredError.
    """
    session = found.session
    assert session is not None
    if found.order is not None:
        document = view.show_completed(session, found.order)
        if explains:
            document["explanation"] = view.frozen_explanation(found.order)
        return document
    if session.status in rules.OPEN - rules.PAYING or session.status == "expired":
        require_alive(session, found)
    seen = look(session, found.basket, house)
    document = seen.document(house) | {"links": links_of(found.attempt)}
    if explains:
        request = seen.request or rules.request_of(seen.session, seen.basket, seen.lines, house.prices)
        quoted = seen.quoted if seen.request is not None or request is None else quote(request)
        document["explanation"] = None if request is None else view.explanation(quoted)
    return document


def begin(found: Found, changes: Mapping[str, Any], consent: str | None, house: HouseRules, lives: Lives) -> Decision:
    """A session over the open cart: the one there is, taken up again, or a new one."""
    basket, old = found.basket, found.session
    if basket is None or not basket.is_open:
        raise EmptyCartError("There is no cart with anything in it. Add an item first.")
    # One that is being paid is not over before its payment is.
    is_stale = old is not None and old.expires_at <= found.at and old.status not in rules.PAYING
    fresh = Session(
        id=uuid7(),
        cart_id=basket.id,
        status="incomplete",
        version=0,
        created_at=found.at,
        updated_at=found.at,
        expires_at=found.at,
    )
    session, closed = (fresh, {}) if old is None or is_stale else interrupted(found, old)
    _require_step(session, basket, changes, house)
    known = checked(
        replace(told(session, changes, basket, house.prices.day(found.at)), expires_at=found.at + lives.checkout), house
    )
    seen = looked(known, basket, house, trusts_fallback=False)
    if is_paid_for(found, session, seen):
        return waiting(found, seen, house)
    # Step by step, who may order is asked at the end.
    faults = [entry for entry in seen.found if entry.error == "LOGIN_REQUIRED" and not house.is_stepwise]
    faults += [entry for entry in seen.found if entry.error == "EMPTY_CART"]
    if house.holds_at_checkout:
        faults += rules.line_faults(seen.lines)
    if faults:
        raise refusal_of(faults)
    if house.asks_consent:
        require_consent(seen.basket, seen.lines, seen.quoted, consent)
    event = "checkout.created" if session is fresh else "checkout.resumed"
    stored = _stored(seen, found.at, event, house, lives, closed)
    if is_stale and old is not None:
        _retire(stored.values, old)
    return Decision(stored.document, 201 if session is fresh else 200, save=stored.values)


def revise(found: Found, changes: Mapping[str, Any], event: str, house: HouseRules, lives: Lives) -> Decision:
    """A session with some of its fields changed; what it shows now is what completion expects."""
    before, closed = interrupted(found, open_session(found))
    _require_step(before, found.basket, changes, house)
    session = checked(told(before, changes, found.basket, house.prices.day(found.at)), house)
    seen = looked(session, found.basket, house, trusts_fallback=False)
    if is_paid_for(found, before, seen):
        return waiting(found, seen, house)
    chosen, shipping = changes.get("shipping_method"), seen.quoted.shipping
    if chosen is not None and shipping is not None and seen.quoted.needs_shipping and chosen not in shipping.available:
        raise no_such_shipping(chosen, shipping.available)
    stored = _stored(seen, found.at, event, house, lives, closed)
    return Decision(stored.document, save=stored.values)


def cancel(found: Found, house: HouseRules) -> Decision:
    """A session that is given up; a second time changes nothing."""
    session = found.session
    assert session is not None
    if session.status == "canceled":
        return Decision(look(session, found.basket, house).document(house))
    session, closed = interrupted(found, open_session(found))
    session = replace(session, status="canceled", version=session.version + 1, updated_at=found.at)
    values: dict[str, Any] = {
        **closed,
        "session": session,
        "events": [session_event(session, "checkout.canceled", {"cart_id": session.cart_id})],
        "at": found.at,
    }
    if house.holds_at_checkout or (found.basket is not None and found.basket.is_aside):
        values["lets_go"] = True
    return Decision(look(session, found.basket, house).document(house), save=values)


def complete(
    found: Found,
    changes: Mapping[str, Any],
    expected: int | tuple[int, str] | None,
    asks: Asks,
    house: HouseRules,
    locked: frozenset[uuid.UUID] = frozenset(),
) -> Decision:
    """The order, if nothing stands against it, or the payment that comes before. A completed session answers its order.

    `locked`: gifts whose stock is locked too. Raises GiftsToLockError when others would be given.
    """
    if found.order is not None and found.session is not None and house.answers_again:
        return Decision(view.show_completed(found.session, found.order))
    session = open_session(found)
    if session.status in rules.PAYING and found.attempt is not None:
        return Decision(resume=found.attempt)
    session = told(_as_open(session), changes, found.basket, house.prices.day(found.at))
    seen = looked(checked(session, house) if changes else session, found.basket, house)
    if not seen.basket.is_open:
        raise EmptyCartError("The cart of this checkout is gone. Begin a new one.")
    if house.is_stepwise and seen.lines:
        stepping.require_reached(seen.next_step, "confirm")
    if seen.found:
        raise refusal_of(stepping.in_order(seen.found, house))
    total = seen.quoted.totals.total_minor
    _check_amount(seen.quoted)
    if expected is not None and not _is_expected(expected, total, seen.quoted.currency):
        return _total_changed(seen, expected, found.at, house)
    gifts = given(seen.quoted)
    if session.shown_promotions not in {None, applied(seen.quoted)} or session.shown_gifts not in (None, gifts):
        return _promotions_changed(seen, found.at, house)
    if expected is None and session.shown_total_minor not in {None, total}:
        return _total_changed(seen, expected, found.at, house)
    if not _is_rest_agreed(session, seen.quoted):
        return _total_changed(seen, expected, found.at, house)
    to_lock = frozenset([uuid.UUID(variant) for variant in gifts])
    if not to_lock <= locked:
        raise GiftsToLockError(to_lock)
    if seen.quoted.due_minor > 0 and session.payment_method in house.charging:
        return begin_payment(seen, found.at, house, asks)
    return place(seen, found.at, asks.external_reference, house)


def _as_open(session: Session) -> Session:
    return replace(session, status="incomplete") if session.status in rules.PAYING else session


def _require_step(before: Session, basket: Basket | None, changes: Mapping[str, Any], house: HouseRules) -> None:
    """Raise for something that is told before its step. Only a shop that goes step by step pays for that look."""
    if house.is_stepwise:
        stepping.require_step(look(before, basket, replace(house, answers=None)), changes, house)


@dataclass(frozen=True, slots=True)
class _Stored:
    values: dict[str, Any]
    document: dict[str, Any]


def _stored(
    seen: Look, at: datetime, event: str, house: HouseRules, lives: Lives, closed: Mapping[str, Any]
) -> _Stored:
    _check_amount(seen.quoted)
    session = replace(
        seen.session,
        version=seen.session.version + 1,
        updated_at=at,
        **shown(seen.quoted),
    )
    data = {"status": session.status, "total_minor": session.shown_total_minor}
    values: dict[str, Any] = {"session": session, "events": [session_event(session, event, data)], "at": at, **closed}
    if house.holds_at_checkout and not rules.line_faults(seen.lines):
        values["hold"] = {
            "units": list(rules.units_to_hold(seen.lines).items()),
            "ttl": f"{lives.checkout.total_seconds()} seconds",
            "cap": f"{lives.hold_cap.total_seconds()} seconds",
        }
    return _Stored(values, replace(seen, session=session).document(house))


def _retire(values: dict[str, Any], old: Session) -> None:
    """The session whose time is up makes room for a new one."""
    values["expired"] = old.id
    gone = replace(old, version=old.version + 1)
    values["events"].append(session_event(gone, "checkout.expired", {"cart_id": old.cart_id}))


def _total_changed(seen: Look, expected: int | tuple[int, str] | None, at: datetime, house: HouseRules) -> Decision:
    """Refuses, and counts the new total as shown, since the refusal tells it."""
    currency, total = seen.quoted.currency, seen.quoted.totals.total_minor
    if expected is None:
        before = money(seen.session.shown_total_minor or 0, currency)
    else:
        before = money(expected, currency) if isinstance(expected, int) else money(*expected)
    session = replace(seen.session, version=seen.session.version + 1, updated_at=at, **shown(seen.quoted))
    document = replace(seen, session=session).document(house)
    refusal = TotalChangedError(
        "The total is not the one that was shown. Show the new one, and repeat with it as expected_total.",
        field="expected_total",
        details={
            "expected": before,
            "total": money(total, currency),
            "totals": document["totals"],
            "tenders": document["tenders"],
            "amount_due": document["amount_due"],
            "line_items": document["line_items"],
        },
    )
    event = session_event(session, "checkout.total_changed", {"total_minor": total})
    return Decision(refusal=refusal, save={"session": session, "events": [event], "at": at})


def _promotions_changed(seen: Look, at: datetime, house: HouseRules) -> Decision:
    """Refuses, and counts the promotions of now as shown, since the refusal tells them."""
    session = replace(seen.session, version=seen.session.version + 1, updated_at=at, **shown(seen.quoted))
    document = replace(seen, session=session).document(house)
    refusal = PromotionChangedError(
        "What promotions take off or give is not what was shown. Show the new figures, and repeat with them.",
        field="promotions",
        details={
            "before": list(seen.session.shown_promotions or ()),
            "promotions": document["promotions"],
            "total": document["totals"]["total"],
            "totals": document["totals"],
            "line_items": document["line_items"],
        },
    )
    event = session_event(session, "checkout.promotions_changed", {"total_minor": session.shown_total_minor})
    return Decision(refusal=refusal, save={"session": session, "events": [event], "at": at})


def _is_expected(expected: int | tuple[int, str], total: int, currency: str) -> bool:
    return expected == total if isinstance(expected, int) else expected == (total, currency)


def _is_rest_agreed(session: Session, quoted: Quote) -> bool:
    """Whether the shopper knows what is left to pay of the total that she agreed to.

    Whoever agreed to pay the rest of a gift card's payment did not agree to pay all of it. One who names the total of
    now, of which cards, credit and points pay what they did, knows the rest as well.
    """
    if session.shown_due_minor is None or session.shown_total_minor is None:
        return True
    is_same_beside = quoted.totals.total_minor - quoted.due_minor == session.shown_total_minor - session.shown_due_minor
    return is_same_beside or quoted.due_minor == session.shown_due_minor


def _check_amount(quoted: Quote) -> None:
    if quoted.totals.total_minor > AMOUNT_MAX:
        raise AmountTooLargeError("The total is more than an order may have. Lower the quantities.")


def shipping_options(seen: Look, house: HouseRules, at: datetime) -> dict[str, Any]:
    """The ways of shipping what the session is about."""
    return view.shipping_options(seen.quoted, seen.choices(house), house.prices, at)
