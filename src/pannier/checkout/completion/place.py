"""The step that counts: the order, and everything it uses up, in one transaction.

What was paid must be what it costs, and the goods must be there, under the locks. Where they are not, the refusal is
the answer, and the money goes back: `give_up`, then `give_back`. An order that stands is undone by being canceled.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from pannier.checkout import stepping, view
from pannier.checkout.completion.give_up import declined, give_up
from pannier.checkout.completion.session import looked
from pannier.checkout.errors import (
    CheckoutClosedError,
    EmptyCartError,
    PromotionChangedError,
    TotalChangedError,
    refusal_of,
)
from pannier.checkout.looking import Decision, GiftsToLockError, Look, given
from pannier.checkout.models import HouseRules
from pannier.checkout.placing import place
from pannier.checkout.repository import Found
from pannier.kernel.errors import PannierError
from pannier.orders import money
from pannier.payments import Attempt, with_money_back


def place_paid(found: Found, attempt: Attempt, house: HouseRules, locked: frozenset[uuid.UUID]) -> Decision:
    """The order of a payment that is good. Raises GiftsToLockError."""
    session = found.session
    if found.order is not None and session is not None:
        return Decision(view.show_completed(session, found.order))
    if session is None or found.attempt is None or found.attempt.id != attempt.id:
        return Decision(refusal=_given_up())
    # As it is under the locks: it may have been let go of since it was looked at.
    attempt = found.attempt
    if not attempt.is_good:
        return give_up(found, attempt, declined(attempt), house)
    seen = looked(replace(session, status="incomplete"), found.basket, house)
    refusal = _against(seen, attempt, house)
    if refusal is not None:
        return give_up(found, attempt, with_money_back(refusal, attempt), house)
    gifts = frozenset([uuid.UUID(variant) for variant in given(seen.quoted)])
    if not gifts <= locked:
        raise GiftsToLockError(gifts)
    return place(seen, found.at, attempt.asked.get("external_reference"), house, attempt)


def _against(seen: Look, attempt: Attempt, house: HouseRules) -> PannierError | None:
    """What stands against it by now."""
    if not seen.basket.is_open:
        return EmptyCartError("The cart of this checkout is gone. Begin a new one.")
    if seen.found:
        return refusal_of(stepping.in_order(seen.found, house))
    if (seen.quoted.due_minor, seen.quoted.currency) != (attempt.amount_minor, attempt.currency):
        return TotalChangedError(
            "The total has changed while it was being paid. Look at the new one, then pay again.",
            field="expected_total",
            details={
                "expected": money(attempt.amount_minor, attempt.currency),
                "total": money(seen.quoted.totals.total_minor, seen.quoted.currency),
            },
        )
    if seen.session.shown_gifts not in (None, given(seen.quoted)):
        return PromotionChangedError(
            "A gift that was shown has gone while it was being paid. Look at what there is now, then pay again.",
            field="promotions",
            details={"total": money(seen.quoted.totals.total_minor, seen.quoted.currency)},
        )
    return None


def _given_up() -> PannierError:
    return CheckoutClosedError("This payment was given up meanwhile; it is given back.", details={"status": "canceled"})
