"""Carries a payment on, from wherever it stands, for whoever comes."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from pannier.checkout import steps
from pannier.checkout.completion.challenge import challenge
from pannier.checkout.completion.deciding import decided, key_of_attempt, see_to_money
from pannier.checkout.completion.due import DuePayments
from pannier.checkout.completion.give_up import declined, give_up
from pannier.checkout.completion.place import place_paid
from pannier.checkout.completion.session import interrupted
from pannier.checkout.completion.settle import settle
from pannier.checkout.desk import Desk
from pannier.checkout.errors import in_progress
from pannier.checkout.looking import Decision, session_event
from pannier.checkout.repository import Found
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.orders import ExternalReferenceTakenError, OrderService
from pannier.payments import (
    Attempt,
    PaymentFailedError,
    PaymentService,
    ProviderUnavailableError,
    Wish,
    is_decided,
    with_money_back,
)
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    kept_answer,
    kept_refusal,
)
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings

logger = logging.getLogger(__name__)
_SYSTEM = Principal("admin", frozenset({"admin", "staff"}), "system")
_POLL_S = 0.1
# The pauses between so many come to more than twenty minutes.
_TRIES_MAX = 8


class Completion:
    """The payments of one shop's checkouts, and the orders that come of them."""

    def __init__(self, desk: Desk, payments: PaymentService, orders: OrderService, settings: Settings) -> None:
        self._desk = desk
        self._payments = payments
        self._orders = orders
        self.dues = DuePayments(desk.db, settings, payments, orders)
        self._is_busy_refused = settings.checkout_busy == "refuse"
        self._patience_s = 2 * settings.payment_timeout_s

    async def run(self, attempt: Attempt, by: Principal, key: Key | None, wish: Wish | None = None) -> Answer:
        """Do what is next until there is an answer: the order, or where the shopper has to go. Raises refusals.

        With `wish` the provider is asked; without one it is asked only what became of it.
        """
        if attempt.order_id is not None:
            return await self._finish(attempt, by, key, await self._shown(attempt, by))
        attempt, refusal = await decided(self._payments, attempt, wish, self._desk.db.clock)
        if refusal is None and attempt.state == "challenged":
            return await self._stored(
                attempt, by, key, lambda found: challenge(found, attempt, self._desk.rules(found))
            )
        if refusal is None and attempt.is_good:
            answer = await self._place(attempt, by, key)
        else:
            answer = await self._refuse(attempt, by, key, refusal or declined(attempt))
        return await self._finish(await self._payments.find(attempt.id) or attempt, by, key, answer)

    async def join(self, attempt: Attempt, by: Principal, *, is_other: bool) -> Answer | None:
        """What becomes of a payment that somebody else has under way: None when it is over, whatever came of it.

        `is_other`: it is to be paid in another way now, so one that waits for the shopper is left. Raises
        CompletionInProgressError.
        """
        if attempt.state == "challenged":
            return await self._again(attempt, by, is_other=is_other)
        give_up_at = asyncio.get_running_loop().time() + (0 if self._is_busy_refused else self._patience_s)
        while True:
            now = await self._payments.find(attempt.id)
            if now is None or not now.is_open or now.order_id is not None or now.state == "challenged":
                return None
            claimed = await self._payments.claim(attempt.id)
            if claimed is not None:
                await self.advance(claimed)
                return None
            if asyncio.get_running_loop().time() >= give_up_at:
                raise in_progress()
            await asyncio.sleep(_POLL_S)

    async def advance(self, attempt: Attempt) -> None:
        """Carry on what nobody is at, or what the provider has told something of. Refusals are stored, not raised."""
        if not attempt.is_open:
            await self._after(attempt)
            return
        try:
            if attempt.pays_order is not None:
                await self.dues.run(attempt, key_of_attempt(attempt))
            else:
                await self.run(attempt, _SYSTEM, key_of_attempt(attempt))
        except IdempotencyConflictError:
            # Its key was used for something else meanwhile, so nobody waits for the answer under it.
            await self.advance(replace(attempt, idem_key=None))
        except PannierError as refusal:
            if isinstance(refusal, ProviderUnavailableError):
                # Nothing is known.
                await self._payments.try_again(attempt)
            elif refusal.kind is ErrorKind.unavailable or isinstance(refusal, IdempotencyInFlightError):
                # Somebody is at it this very moment, or the database is.
                await self._try_again(attempt)

    async def come_back(self, by: Principal, checkout_id: uuid.UUID) -> None:
        """The shopper is back from the provider's page: see what became of it. Raises CheckoutNotFoundError."""
        found = await self._desk.find(by, checkout_id)
        if found.attempt is not None and found.attempt.state == "challenged":
            await self.advance(found.attempt)

    async def hear(self, provider: str, headers: Mapping[str, str], body: bytes) -> None:
        """A webhook: once per event. What it says is not believed but looked up. Raises WebhookRefusedError,
        ProviderUnavailableError; then the provider tells again."""
        notice, attempt, is_new = await self._payments.begin_notice(provider, headers, body)
        if not is_new:
            return
        if attempt is not None:
            found = await self._payments.look_up(attempt)
            # One that was only begun is somebody's who is paying at this moment, or the job's.
            if found is not None and not (found.is_open and found.state == "created"):
                await self.advance(found)
            await self._payments.hear_of_refund(attempt, notice)
        await self._payments.end_notice(provider, notice)

    async def resume(self) -> int:
        """Take up what a crash has left, what waits for a shopper, and money that goes back; answers how many."""
        due = await self._payments.due()
        for attempt_id in due:
            attempt = await self._payments.claim(attempt_id)
            if attempt is None:
                continue
            try:
                await self.advance(attempt)
            except PannierError as trouble:
                logger.warning("payment %s waits: %s", attempt_id, trouble.error)
                await self._payments.try_again(attempt)
            except Exception:
                # Whatever is wrong with one, the others go on.
                logger.exception("payment %s could not be carried on", attempt_id)
                await self._try_again(attempt)
        return len(due) + await self._payments.resume_refunds()

    async def _try_again(self, attempt: Attempt) -> None:
        """Nobody knows what stands against it. A payment whose time is up, and of which no order came however often it
        was tried, is given up, and its money goes back."""
        found = await self._payments.find(attempt.id)
        is_over = found is not None and found.tries >= _TRIES_MAX and self._desk.db.clock.now() >= found.expires_at
        if found is None or not is_over or not found.is_open or found.order_id is not None or not is_decided(found):
            await self._payments.try_again(attempt)
            return
        refusal = with_money_back(_never_placed(), found)
        try:
            if found.pays_order is not None:
                await self.dues.refuse(found, key_of_attempt(attempt), refusal)
            else:
                await self._refuse(found, _SYSTEM, key_of_attempt(attempt), refusal)
        except IdempotencyConflictError:
            # As in `advance`: nobody waits for the answer under it.
            await self._try_again(replace(attempt, idem_key=None))
        except PannierError as told:
            if told.kind is ErrorKind.unavailable or isinstance(told, IdempotencyInFlightError):
                await self._payments.try_again(found)
        except Exception:
            # What it fails at may be the checkout itself, which goes on without this payment then.
            logger.exception("payment %s is given up without its checkout", found.id)
            await self._payments.abandon(found, {"error": refusal.error, "message": refusal.message})

    async def _place(self, attempt: Attempt, by: Principal, key: Key | None) -> Answer:
        assert attempt.checkout_id is not None
        reference = attempt.asked.get("external_reference")
        try:
            outcome = await self._desk.place(
                attempt.checkout_id,
                by,
                key,
                lambda found, locked: place_paid(found, attempt, self._desk.rules(found), locked),
                external_reference=reference,
            )
        except ExternalReferenceTakenError as taken:
            return await self._refuse(attempt, by, key, taken)
        except PannierError as refusal:
            if refusal.kind is not ErrorKind.unavailable and not isinstance(refusal, IdempotencyInFlightError):
                await self._let_go(attempt, refusal)
            raise
        assert isinstance(outcome, Answer)
        return Answer(outcome.body, outcome.status)

    async def _finish(self, attempt: Attempt, by: Principal, key: Key | None, answer: Answer) -> Answer:
        """The answer once the money is taken, which is also what is kept under the key from then on."""
        if not attempt.is_open or attempt.order_id is None:
            return answer
        order = msgspec.json.decode(answer.body)["order"]
        if order is None:
            # The answer that is kept under the key is from before she went to the provider's page.
            order = msgspec.json.decode((await self._shown(attempt, by)).body)["order"]
        refusal = await self._settled(attempt, order["number"])
        if refusal is not None:
            await self._payments.finish(attempt, key, kept_refusal(refusal))
            raise refusal
        answer = await self._shown(attempt, by)
        await self._payments.finish(attempt, key, kept_answer(answer))
        return answer

    async def _settled(self, attempt: Attempt, number: str) -> PannierError | None:
        """What settling comes to. What stands against it, as goods that are short, may be gone the next time."""
        try:
            return await settle(self._payments, self._orders, attempt, number, _SYSTEM)
        except ProviderUnavailableError:
            raise
        except PannierError as trouble:
            logger.warning("payment %s of order %s is not settled: %s", attempt.id, number, trouble.error)
            await self._payments.try_again(attempt)
            raise

    async def _refuse(self, attempt: Attempt, by: Principal, key: Key | None, refusal: PannierError) -> Answer:
        """Store a refusal with the checkout as it was before, see to the money, and raise it. Where there is an order
        after all, whose money nobody lets go of, it is the answer."""
        try:
            return await self._stored(
                attempt, by, key, lambda found: give_up(found, attempt, refusal, self._desk.rules(found)), locks=True
            )
        except PannierError as told:
            if told.kind is not ErrorKind.unavailable and not isinstance(told, IdempotencyInFlightError):
                await self._let_go(attempt, told)
            raise

    async def _let_go(self, attempt: Attempt, refusal: PannierError) -> None:
        found = await self._payments.find(attempt.id)
        if found is not None and not found.is_open:
            await self._after(found, refusal.error.lower())

    async def _after(self, attempt: Attempt, reason: str = "no order came of it") -> None:
        """Nobody's order stands for it: its money goes back."""
        await see_to_money(self._payments, attempt, reason, self._desk.db.clock)

    async def _again(self, attempt: Attempt, by: Principal, *, is_other: bool) -> Answer | None:
        """A payment that waits for its shopper, who asks again: she may have paid, or wants to pay in another way."""
        await self.advance(attempt)
        now = await self._payments.find(attempt.id)
        if now is None or not now.is_open or now.order_id is not None:
            return None
        if not is_other:
            return await self._shown(now, by)
        if (await self._payments.stop(now)).is_good:
            # She has paid at the last moment.
            return await self._again(now, by, is_other=False)

        def leave(found: Found) -> Decision:
            house, session = self._desk.rules(found), found.session
            assert session is not None
            if found.attempt is None or found.attempt.id != attempt.id:
                return Decision(steps.show(found, house))
            session, closed = interrupted(found, session)
            session = replace(session, version=session.version + 1, updated_at=found.at)
            event = session_event(session, "checkout.payment_left", {"payment_id": attempt.id})
            return Decision({}, save={"session": session, "events": [event], "at": found.at, **closed})

        await self._stored(attempt, by, None, leave, locks=True)
        return None

    async def _shown(self, attempt: Attempt, by: Principal) -> Answer:
        """The checkout as it is now."""
        assert attempt.checkout_id is not None
        found = await self._desk.find(by, attempt.checkout_id)
        return Answer(msgspec.json.encode(steps.show(found, self._desk.rules(found))))

    async def _stored(self, attempt: Attempt, by: Principal, key: Key | None, decide, *, locks: bool = False) -> Answer:  # type: ignore[no-untyped-def]  # see Desk.change
        assert attempt.checkout_id is not None
        outcome = await self._desk.change(attempt.checkout_id, by, key, decide, locks_stock=locks, is_repeatable=True)
        assert isinstance(outcome, Answer)
        return Answer(outcome.body, outcome.status)


def _never_placed() -> PaymentFailedError:
    return PaymentFailedError(
        "The order could not be placed, for a reason of the shop's own. Order again, or ask the shop.",
        details={"reason": "not_placed"},
    )
