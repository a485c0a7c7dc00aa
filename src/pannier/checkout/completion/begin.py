"""The first step: the figures are agreed to, and an attempt to be paid exactly them is written.

Its undo is `give_up`. Where carts hold nothing, the goods are held for as long as it is being paid; a shop that takes
stock when the payment succeeds looks for it then.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pannier.checkout import rules
from pannier.checkout.looking import Decision, Look, session_event, shown
from pannier.checkout.models import HouseRules
from pannier.payments import Attempt
from pannier.platform.idempotency import Key

# Activity extends a hold up to a bound; a payment that is under way does so beyond it.
_NO_CAP = "1000000000 seconds"


@dataclass(frozen=True, slots=True)
class Asks:
    """What a request to complete asks for: the id that its payment would have, and the key it came with."""

    attempt_id: uuid.UUID
    key: Key | None = None
    external_reference: str | None = None


def begin_payment(seen: Look, at: datetime, house: HouseRules, asks: Asks) -> Decision:
    """The payment that comes before the order."""
    method = seen.session.payment_method
    assert method is not None
    units = list(rules.units_to_hold(seen.lines).items()) if house.stock_action != "await" else []
    attempt = Attempt(
        id=asks.attempt_id,
        checkout_id=seen.session.id,
        provider=method,
        method=method,
        amount_minor=seen.quoted.due_minor,
        currency=seen.quoted.currency,
        is_open=True,
        held=[(uuid.UUID(variant), quantity) for variant, quantity in units] or None,
        asked={"external_reference": asks.external_reference},
        idem_owner=None if asks.key is None else asks.key.owner.hex(),
        idem_key=None if asks.key is None else asks.key.key,
        idem_hash=None if asks.key is None else asks.key.request_hash.hex(),
        due_at=at + house.lease,
        created_at=at,
        updated_at=at,
        expires_at=at + house.payment_life,
    )
    session = replace(
        seen.session,
        status="complete_in_progress",
        version=seen.session.version + 1,
        updated_at=at,
        shipping_method=rules.shipping_method(seen.session, seen.quoted),
        payment_failure=None,
        expires_at=max(seen.session.expires_at, attempt.expires_at),
        **shown(seen.quoted),
    )
    told = {"payment_id": attempt.id, "method": method, "amount_minor": attempt.amount_minor}
    values: dict[str, Any] = {
        "session": session,
        "events": [session_event(session, "checkout.payment_begun", told)],
        "at": at,
        "attempt": attempt,
    }
    if house.stock_action != "await" and rules.units_to_claim(seen.lines):
        values["hold"] = {"units": units, "ttl": f"{house.payment_life.total_seconds()} seconds", "cap": _NO_CAP}
    return Decision(pay=attempt, save=values)
