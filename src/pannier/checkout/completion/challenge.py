"""The step between, where there is one: the shopper has something to do at the provider's. Its undo is `give_up`.

Whoever asked gets the answer now, and the request is over. It goes on when she comes back, when the provider tells of
it, or when the job looks: often at first, then less often, until her time is up.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pannier.checkout import view
from pannier.checkout.completion.session import links_of, looked
from pannier.checkout.looking import Decision, session_event
from pannier.checkout.models import HouseRules
from pannier.checkout.repository import Found
from pannier.payments import Attempt

_FIRST_LOOK = timedelta(seconds=30)


def challenge(found: Found, attempt: Attempt, house: HouseRules) -> Decision:
    """The session as it waits for its shopper."""
    session = found.session
    assert session is not None
    if found.order is not None:
        return Decision(view.show_completed(session, found.order))
    is_ours = found.attempt is not None and found.attempt.id == attempt.id
    if not is_ours or session.status == "requires_escalation":
        return Decision(looked(session, found.basket, house).document(house) | {"links": links_of(found.attempt)})
    session = replace(session, status="requires_escalation", version=session.version + 1, updated_at=found.at)
    values = {
        "session": session,
        "events": [session_event(session, "checkout.payment_challenged", {"payment_id": attempt.id})],
        "at": found.at,
        "challenged": {"id": attempt.id, "due_at": next_look(attempt, found.at)},
    }
    document = looked(session, found.basket, house).document(house) | {"links": links_of(attempt)}
    return Decision(document, save=values)


def next_look(attempt: Attempt, at: datetime) -> datetime:
    """When to look whether she has paid: after half the time that has gone by, and when her time is up."""
    wait = max(_FIRST_LOOK, (at - attempt.created_at) // 2)
    return max(at + _FIRST_LOOK // 6, min(at + wait, attempt.expires_at))
