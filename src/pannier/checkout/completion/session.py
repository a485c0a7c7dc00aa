"""A session while it is being paid, and what stops it from being so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pannier.checkout import rules, stepping
from pannier.checkout.errors import CheckoutClosedError, CheckoutExpiredError, in_progress
from pannier.checkout.looking import Decision, Look, given, look
from pannier.checkout.models import Basket, HouseRules, Session
from pannier.checkout.repository import Found
from pannier.kernel.times import in_zulu
from pannier.payments import Attempt

# What a shopper tells of a checkout, beside what she is still typing.
_TOLD = (
    *("line_ids", "email", "shipping_address", "billing_address", "shipping_method", "payment_method"),
    *("note", "metadata", "tenders"),
)


def open_session(found: Found) -> Session:
    """The session, if it may still change. Raises CheckoutClosedError, CheckoutExpiredError."""
    session = found.session
    assert session is not None
    if session.status in {"completed", "canceled"}:
        raise CheckoutClosedError(
            f"This checkout is {session.status}; it no longer changes.", details={"status": session.status}
        )
    if session.status not in rules.PAYING:
        require_alive(session, found)
    return session


def require_alive(session: Session, found: Found) -> None:
    """Raises CheckoutExpiredError."""
    if session.status == "expired" or session.expires_at <= found.at:
        raise CheckoutExpiredError(
            "This checkout's time is up. The cart is still there: begin a new checkout.",
            details={"expired_at": in_zulu(session.expires_at.isoformat())},
        )


def looked(session: Session, basket: Basket | None, house: HouseRules, *, trusts_fallback: bool = True) -> Look:
    """The session as it stands, with what is chosen by itself; see `look`."""
    seen = look(session, basket, house, trusts_fallback=trusts_fallback)
    while (chosen := stepping.skipped(seen, house)) is not None:
        seen = look(chosen, basket, house, trusts_fallback=trusts_fallback)
    return seen


def interrupted(found: Found, session: Session) -> tuple[Session, dict[str, Any]]:
    """The session that somebody wants to change, and what has to be stored of the payment that she leaves by it.

    Raises CompletionInProgressError while the provider is being asked, and where it has the money: that comes first.
    """
    attempt = found.attempt
    if session.status not in rules.PAYING:
        return session, {}
    if attempt is not None and (session.status == "complete_in_progress" or attempt.is_good):
        raise in_progress()
    session = replace(session, status="incomplete")
    return session, {} if attempt is None else closed(attempt, {"error": "ABANDONED"}, found.at)


def is_paid_for(found: Found, before: Session, seen: Look) -> bool:
    """Whether the payment that waits for its shopper is for the very same: nothing is told that was not known `before`,
    and it costs what is being paid. Then she does not leave it."""
    attempt, session = found.attempt, seen.session
    if attempt is None or found.session is None or found.session.status != "requires_escalation":
        return False
    is_same = all(getattr(session, name) == getattr(before, name) for name in _TOLD)
    costs, gives = (seen.quoted.due_minor, seen.quoted.currency), given(seen.quoted)
    return is_same and costs == (attempt.amount_minor, attempt.currency) and before.shown_gifts in (None, gives)


def waiting(found: Found, seen: Look, house: HouseRules) -> Decision:
    """The session as it waits for its shopper: nothing of it has changed."""
    assert found.session is not None
    session = replace(seen.session, status=found.session.status)
    return Decision(replace(seen, session=session).document(house) | {"links": links_of(found.attempt)})


def closed(attempt: Attempt, failure: Mapping[str, Any] | None, due_at: datetime) -> dict[str, Any]:
    """What is stored of an attempt that comes to nothing; what the provider has of it is seen to at `due_at`."""
    return {"closed": {"id": attempt.id, "failure": failure, "due_at": due_at, "held": attempt.held}}


def links_of(attempt: Attempt | None) -> list[dict[str, str]]:
    """Where the shopper goes to pay."""
    return [] if attempt is None or attempt.action_url is None else [{"rel": "payment", "href": attempt.action_url}]
