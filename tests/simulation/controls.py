"""A shop with one of its guards off. The simulation proves something only if it finds each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pannier.checkout import CheckoutService
from pannier.checkout.looking import Decision
from pannier.checkout.repository import Found
from soak.simulation.play import Controls
from tests.simulation.conftest import Theatre

_CLAIM = (
    "create unique index payment_one_open_per_checkout on payment_attempt (checkout_id) where is_open",
    "drop index payment_one_open_per_checkout",
)


def _without_claim(checkouts: CheckoutService) -> None:
    """Nobody sees that the checkout is being paid already, so everybody has it paid."""
    desk: Any = checkouts._desk
    place: Callable[..., Awaitable[Any]] = desk.place

    async def blind(*asked: Any, **how: Any) -> Any:
        *first, decide = asked

        def decided(found: Found, locked: Any) -> Decision:
            is_paying = found.session is not None and found.session.status in {
                "complete_in_progress",
                "requires_escalation",
            }
            if is_paying and found.order is None and found.session is not None:
                found = replace(found, attempt=None, session=replace(found.session, status="incomplete"))
            decision: Decision = decide(found, locked)
            return decision

        return await place(*first, decided, **how)

    desk.place = blind


WITHOUT_CLAIM = Controls(weaken=_without_claim)
WITHOUT_KEYS = Controls(forgets_keys=True)
WITHOUT_RESUMER = Controls(has_resumer=False)


@contextmanager
def without_index(theatre: Theatre) -> Iterator[None]:
    """The constraint that stands behind the claim is off, too."""
    make, drop = _CLAIM
    theatre.runner.run(theatre.place.watcher.execute(drop))
    try:
        yield
    finally:
        theatre.runner.run(theatre.place.reset())
        theatre.runner.run(theatre.place.watcher.execute(make))
