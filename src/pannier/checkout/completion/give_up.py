"""The undo of `begin` and of `challenge`: the checkout is open again, the goods are as before, and it says why."""

from __future__ import annotations

from dataclasses import replace

from pannier.checkout import rules, view
from pannier.checkout.completion.session import closed, looked
from pannier.checkout.looking import Decision, session_event, shown
from pannier.checkout.models import HouseRules
from pannier.checkout.repository import Found
from pannier.kernel.errors import PannierError
from pannier.payments import Attempt, PaymentFailedError


def give_up(found: Found, attempt: Attempt, refusal: PannierError, house: HouseRules) -> Decision:
    """The refusal, and the session as it was before; a payment that was given up already, or has an order, stays so."""
    session = found.session
    if found.order is not None and session is not None:
        return Decision(view.show_completed(session, found.order))
    if session is None or found.attempt is None or found.attempt.id != attempt.id:
        return Decision(refusal=refusal)
    seen = looked(replace(session, status="incomplete"), found.basket, house)
    failure = {"error": refusal.error, "message": refusal.message, "reason": refusal.details.get("reason")}
    session = replace(
        seen.session,
        version=session.version + 1,
        updated_at=found.at,
        payment_failure=failure,
        # What the refusal tells counts as shown, as it does when nothing was paid yet.
        **(shown(seen.quoted) if refusal.error in {"TOTAL_CHANGED", "PROMOTION_CHANGED"} else {}),
    )
    told = {"payment_id": attempt.id, "error": refusal.error, "message": refusal.message}
    values = {
        "session": session,
        "events": [session_event(session, "checkout.payment_failed", told)],
        "at": found.at,
        **closed(attempt, failure, found.at + house.lease),
    }
    assert session.status in rules.OPEN
    return Decision(refusal=refusal, save=values)


def declined(attempt: Attempt) -> PaymentFailedError:
    """The refusal of a payment that the provider did not make, or has let go of."""
    reason = (attempt.failure or {}).get("reason") or attempt.state
    return PaymentFailedError(
        "The payment was declined, and nothing was charged. Choose another way to pay.",
        field="payment_method",
        details={"reason": reason},
    )
