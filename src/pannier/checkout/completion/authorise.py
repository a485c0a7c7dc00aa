"""The second step: the provider is asked, between transactions, under the attempt's id. Its undo is `give_back`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pannier.payments import Attempt, PaymentService, ProviderUnavailableError, Wish

#: Once more under the same key, since most trouble is over at once.
TRIES = 2
#: What was asked and never answered may arrive late: until then it is looked at once more.
LATE = timedelta(minutes=15)


async def authorise(payments: PaymentService, attempt: Attempt, wish: Wish) -> Attempt:
    """The attempt with what the provider says. Raises ProviderUnavailableError when nobody knows."""
    for tries in range(TRIES - 1):
        try:
            return await payments.authorize(replace(attempt, tries=tries), wish)
        except ProviderUnavailableError:
            continue
    return await payments.authorize(replace(attempt, tries=TRIES - 1), wish)


async def give_back(payments: PaymentService, attempt: Attempt, reason: str, now: datetime) -> Attempt:
    """Let go of money that no order stands for, or give it back, and see to it that nobody pays it later.

    Raises ProviderUnavailableError, also as long as money may still come of it: then it is done later.
    """
    if not attempt.captured_minor:
        attempt = await payments.void(attempt)
    if attempt.captured_minor > attempt.refunding_minor:
        await payments.give_back(attempt, reason)
        attempt = await payments.find(attempt.id) or attempt
    if attempt.is_owed_back:
        # The provider has refused. Somebody may have given it back there by hand; otherwise it is still owed.
        attempt = await payments.look_up(attempt) or attempt
    if attempt.is_owed_back:
        await payments.try_again(attempt, is_refused=True)
        return attempt
    # What the provider has never heard of may still be on its way there.
    is_late = attempt.reference is None and now < attempt.created_at + LATE
    await payments.look_again(attempt, attempt.created_at + LATE if is_late else None)
    return attempt
