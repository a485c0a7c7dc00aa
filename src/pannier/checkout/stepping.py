"""A checkout step by step: cart, address, shipping, payment, confirm. Pure.

Every shop is told which step is next. One that wants them in their order refuses what comes too early; going back loses
nothing that was told later. Where there is nothing to choose between, it can be chosen by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pannier.checkout.errors import EmptyCartError, StepMissingError
from pannier.checkout.looking import Look
from pannier.checkout.models import HouseRules, NextStep, Requirement, Session

_STEPS: Final[Sequence[NextStep]] = ("cart", "address", "shipping", "payment", "confirm")
#: What is told at a step, and the step.
_TOLD: Final[Mapping[str, NextStep]] = {
    "email": "address",
    "shipping_address": "address",
    "shipping_method": "shipping",
    "payment_method": "payment",
}
#: In which order a shop that goes step by step refuses an order.
_REFUSED: Final[Sequence[str]] = (
    "EMPTY_CART",
    "ADDRESS_REQUIRED",
    "SHIPPING_METHOD_REQUIRED",
    "PAYMENT_METHOD_REQUIRED",
    "LOGIN_REQUIRED",
    "CUSTOMER_REQUIRED",
)


def require_step(seen: Look, changes: Mapping[str, Any], house: HouseRules) -> None:
    """Raise for something that is told before its step. Raises EmptyCartError, StepMissingError.

    `seen` is the session before the change, where it was told nothing of it yet.
    """
    steps = {_TOLD[name] for name, value in changes.items() if name in _TOLD and value is not None}
    if not house.is_stepwise or not steps:
        return
    if not seen.lines:
        raise EmptyCartError("There is nothing to check out. Put something into the cart first.")
    wanted = min(steps, key=_STEPS.index)
    require_reached(seen.next_step, wanted)


def require_reached(next_step: NextStep, wanted: NextStep) -> None:
    """Raise StepMissingError when a step before the wanted one is still to be taken."""
    if _STEPS.index(next_step) < _STEPS.index(wanted):
        raise StepMissingError(
            f"The {next_step} comes first: tell it, then the {wanted}.", details={"step_name": next_step}
        )


def in_order(found: Sequence[Requirement], house: HouseRules) -> list[Requirement]:
    """Requirements as a shop refuses by them: what is missing of the steps first, where they have an order."""
    if not house.is_stepwise:
        return list(found)
    return sorted(found, key=lambda one: _REFUSED.index(one.error) if one.error in _REFUSED else len(_REFUSED))


def skipped(seen: Look, house: HouseRules) -> Session | None:
    """The session with the only way there is of shipping or paying, where its step is next; None for no change."""
    if seen.next_step == "shipping" and house.skips_single_shipping and seen.quoted.shipping is not None:
        available = seen.quoted.shipping.available
        if len(available) == 1:
            return replace(seen.session, shipping_method=available[0])
    if seen.next_step == "payment" and house.skips_single_payment and len(house.payment_methods) == 1:
        return replace(seen.session, payment_method=house.payment_methods[0])
    return None
