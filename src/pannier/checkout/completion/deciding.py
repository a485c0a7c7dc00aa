"""What became of a payment, whatever it is for, and what is seen to when nothing comes of it."""

from __future__ import annotations

from pannier.checkout.completion.authorise import authorise, give_back
from pannier.checkout.completion.challenge import next_look
from pannier.kernel.clock import Clock
from pannier.kernel.errors import PannierError
from pannier.payments import (
    Attempt,
    PaymentFailedError,
    PaymentService,
    ProviderUnavailableError,
    Wish,
    is_decided,
)
from pannier.platform.idempotency import Key


async def decided(
    payments: PaymentService, attempt: Attempt, wish: Wish | None, clock: Clock
) -> tuple[Attempt, PannierError | None]:
    """The attempt with what the provider says of it by now; a refusal where nobody will pay it any more.

    With `wish` the provider is asked to be paid; without one it is asked only what became of it. Raises
    ProviderUnavailableError while nobody knows, as of a bank that takes its time.
    """
    if wish is not None:
        return await authorise(payments, attempt, wish), None
    if is_decided(attempt):
        return attempt, None
    found = await payments.look_up(attempt)
    is_over = clock.now() >= attempt.expires_at
    if found is not None and not (is_over and found.state in {"created", "challenged"}):
        if found.state == "challenged":
            await payments.has_answered(found, next_look(found, clock.now()))
        if found.state != "created":
            return found, None
    if found is not None:
        # It was begun and never paid; from now on it cannot be.
        found = await payments.stop(found)
        if found.is_good:
            return found, None
    return attempt, _never_paid()


async def see_to_money(payments: PaymentService, attempt: Attempt, reason: str, clock: Clock) -> None:
    """Nobody's order stands for it: its money goes back, later where the provider does not answer."""
    if attempt.order_id is not None:
        await payments.look_again(attempt, None)
        return
    try:
        await give_back(payments, attempt, reason, clock.now())
    except ProviderUnavailableError:
        await payments.try_again(attempt)


def key_of_attempt(attempt: Attempt) -> Key | None:
    """The key of the request that began it, for whoever answers in its place."""
    if attempt.idem_owner is None or attempt.idem_key is None or attempt.idem_hash is None:
        return None
    return Key(bytes.fromhex(attempt.idem_owner), attempt.idem_key, bytes.fromhex(attempt.idem_hash))


def _never_paid() -> PaymentFailedError:
    return PaymentFailedError(
        "The payment was not made, and nothing was charged. Pay again, or in another way.",
        field="payment_method",
        details={"reason": "not_paid"},
    )
