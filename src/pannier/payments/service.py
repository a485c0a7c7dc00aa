"""Payments: the provider is asked between transactions, and what it says is taken in by one.

    attempt = await payments.authorize(attempt, Wish(token="tok_succeeds"))   # asks, and books what is so by now
    asked = await payments.refund(order_id, 500, "one was broken", actor="staff")

What orders do in transactions of their own: `ask_refund(connection, ...)` beside the change it is for, then
`carry_out_refunds(ids)` after the commit. What nobody gets to is done by `resume_refunds`, a job.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from pannier.payments import repository
from pannier.payments.errors import ProviderUnavailableError, RefundRefusedError
from pannier.payments.models import Attempt, Notice, Refund, Report, Wish
from pannier.payments.ports import PaymentProvider, ProviderRefusedError, ProviderTroubleError
from pannier.payments.providers import Providers
from pannier.payments.rules import UNDECIDED
from pannier.platform import idempotency
from pannier.platform.database import Database, in_transaction
from pannier.platform.idempotency import Key
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

T = TypeVar("T")
logger = logging.getLogger(__name__)
SYSTEM = "system"
_TOO_MUCH = "PN020"
_BATCH = 50
#: No provider tells of an event again after this.
WEBHOOKS_KEPT = timedelta(days=90)
# Seconds until what failed is tried again: they double, up to an hour; what was refused for good, up to a day.
_AGAIN_S, _AGAIN_S_MAX, _REFUSED_S_MAX = 5.0, 3600.0, 86400.0


class PaymentService:
    """The payments of one shop."""

    def __init__(self, db: Database, settings: Settings, providers: Providers) -> None:
        self._db = db
        self.providers = providers
        self.lease = timedelta(seconds=settings.lease_s)
        self._timeout_s = settings.payment_timeout_s

    async def find(self, attempt_id: uuid.UUID) -> Attempt | None:
        """An attempt by its id."""
        async with self._db.read() as connection:
            return await repository.find(connection, attempt_id)

    async def find_open(self, checkout_id: uuid.UUID) -> Attempt | None:
        """The attempt that the completion of a checkout stands on."""
        async with self._db.read() as connection:
            return await repository.find_open(connection, checkout_id)

    async def of_order(self, order_id: uuid.UUID) -> tuple[list[Attempt], list[Refund]]:
        """The payments of an order, and what was asked back of them; the oldest first."""
        async with self._db.read() as connection:
            return await repository.of_order(connection, order_id), await repository.refunds_of(connection, order_id)

    async def authorize(self, attempt: Attempt, wish: Wish) -> Attempt:
        """Be paid. Raises ProviderUnavailableError when the answer is not known: look it up then."""
        provider = self.providers.of(attempt.provider)
        try:
            report = await self._answered(provider, provider.authorize(attempt, wish))
        except ProviderRefusedError as refused:
            report = Report(state="declined", reason=str(refused)[:200])
        return await self._taken_in(attempt, report)

    async def capture(self, attempt: Attempt) -> Attempt:
        """Take what is authorised. Raises ProviderUnavailableError, ProviderRefusedError."""
        provider = self.providers.of(attempt.provider)
        return await self._taken_in(attempt, await self._answered(provider, provider.capture(attempt)))

    async def stop(self, attempt: Attempt) -> Attempt:
        """See to it that nobody pays it any more. What was paid until then stays so, be it only authorised.

        Raises ProviderUnavailableError, also while the provider is at it: it can be stopped no more, and what comes of
        it is not known yet.
        """
        found = await self.look_up(attempt)
        return found if found is not None and found.is_good else await self._let_go(attempt)

    async def _let_go(self, attempt: Attempt) -> Attempt:
        """The same, and what is authorised is let go of."""
        provider = self.providers.of(attempt.provider)
        report: Report | None
        try:
            report = await self._answered(provider, provider.void(attempt))
        except ProviderRefusedError as refused:
            logger.warning("payment %s is not let go of: %s", attempt.id, refused)
            report = await self._reported(attempt)
        if report is None:
            return attempt
        found = await self._taken_in(attempt, report)
        if report.state in UNDECIDED:
            raise _no_answer()
        return found

    async def void(self, attempt: Attempt) -> Attempt:
        """Let go of what is authorised or was never paid. What was captured meanwhile is booked as such.

        Raises ProviderUnavailableError as long as money may still come of it.
        """
        found = await self._let_go(attempt)
        if found.state == "authorized":
            # It was paid while it was being stopped.
            found = await self._let_go(found)
        if found.state == "authorized":
            raise _no_answer()
        return found

    async def look_up(self, attempt: Attempt) -> Attempt | None:
        """The attempt with what became of it; None when the provider has never heard of it."""
        report = await self._reported(attempt)
        return None if report is None else await self._taken_in(attempt, report)

    async def refund(
        self, order_id: uuid.UUID, amount_minor: int | None, reason: str, *, actor: str
    ) -> list[uuid.UUID]:
        """Give back so much of what an order has paid, all of it when no amount is named: the ids of the refunds.

        Raises RefundRefusedError. What the provider does not answer is done later.
        """

        async def command(connection: Connection) -> list[uuid.UUID]:
            return await self.ask_refund(connection, order_id, amount_minor, reason, actor=actor, at=self._now())

        asked = await self._db.write(command)
        await self.carry_out_refunds(asked)
        return asked

    async def ask_refund(
        self,
        connection: Connection,
        order_id: uuid.UUID,
        amount_minor: int | None,
        reason: str,
        *,
        actor: str,
        at: datetime,
        booked: Mapping[str, int] | None = None,
    ) -> list[uuid.UUID]:
        """Ask for money in a transaction of somebody's, after the order's lock. `carry_out_refunds` comes after it.

        `booked` is what of each payment is in the order's books; of one that is not finished no more is asked for.
        Raises RefundRefusedError; the transaction is as before then.
        """
        try:
            async with connection.transaction():
                return await repository.ask_refund(connection, order_id, amount_minor, reason, actor, at, booked)
        except asyncpg.PostgresError as error:
            if error.sqlstate != _TOO_MUCH:
                raise
            raise RefundRefusedError(
                f"{error.args[0]} of {amount_minor} are there to be given back.",
                field="amount",
                details={"requested": amount_minor, "available": int(error.args[0])},
            ) from None

    async def give_back(self, attempt: Attempt, reason: str) -> None:
        """Give back all of an attempt that no order stands for, or none that wants it."""
        amount = attempt.captured_minor - attempt.refunding_minor

        async def command(connection: Connection) -> uuid.UUID:
            return await repository.begin_refund(connection, attempt, amount, reason, SYSTEM, self._now())

        try:
            await self.carry_out_refunds([await self._db.write(command)])
        except asyncpg.PostgresError as error:
            # Somebody else has asked for it meanwhile.
            if error.sqlstate != _TOO_MUCH:
                raise

    async def carry_out_refunds(self, refund_ids: Sequence[uuid.UUID]) -> None:
        """Give back what was asked for; what fails is tried again later, by the job."""
        for refund_id in refund_ids:
            await self._carry_out(refund_id)

    async def resume_refunds(self) -> int:
        """Carry out refunds that nobody got to; answers how many there were."""
        async with self._db.read() as connection:
            due = await repository.due_refunds(connection, self._now(), _BATCH)
        await self.carry_out_refunds(due)
        return len(due)

    async def begin_notice(
        self, provider: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Notice, Attempt | None, bool]:
        """A webhook, the attempt it is about, and whether it is new. Raises WebhookRefusedError."""
        notice = self.providers.of(provider).notice(headers, body)

        async def command(connection: Connection) -> tuple[Attempt | None, bool]:
            attempt = None if notice.attempt_id is None else await repository.find(connection, notice.attempt_id)
            if attempt is not None and attempt.provider != provider:
                # Whoever signs this is not who was asked to pay that.
                attempt = None
            elif attempt is None and notice.reference is not None:
                attempt = await repository.find_by_reference(connection, provider, notice.reference)
            known = None if attempt is None else attempt.id
            return attempt, await repository.begin_webhook(connection, provider, notice, known, self._now())

        attempt, is_new = await self._db.write(command)
        return notice, attempt, is_new

    async def hear_of_refund(self, attempt: Attempt, notice: Notice) -> None:
        """What a webhook tells of a refund: one that is waited for is asked for again. One that was given, and failed
        at the bank days later, is for somebody of the shop to give in another way."""
        refund_id, failure = notice.refund_id, notice.refund_failure
        if refund_id is None:
            return
        state = await self._db.write(
            lambda connection: repository.refund_told(connection, refund_id, attempt.id, failure, SYSTEM, self._now())
        )
        if state == "pending":
            await self.carry_out_refunds([refund_id])
        elif state == "succeeded" and failure is not None:
            logger.error("refund %s of payment %s was given, and came back: %s", refund_id, attempt.id, failure)

    async def end_notice(self, provider: str, notice: Notice) -> None:
        """The webhook was carried out: another one like it changes nothing."""
        await self._db.write(
            lambda connection: repository.end_webhook(connection, provider, notice.event_id, self._now())
        )

    async def due(self) -> list[uuid.UUID]:
        """Attempts that somebody has to look at."""
        async with self._db.read() as connection:
            return await repository.due_attempts(connection, self._now(), _BATCH)

    async def claim(self, attempt_id: uuid.UUID) -> Attempt | None:
        """Take on an attempt whose time has come; None when somebody else has."""
        return await self._db.write(
            lambda connection: repository.claim(connection, attempt_id, self.lease, self._now())
        )

    async def finish(self, attempt: Attempt, key: Key | None, text: str) -> None:
        """Its order stands, or is canceled: nothing of the completion is left to be done. What it came to, the text of
        an answer or of a refusal, takes the place of what was kept under the key when the order was placed."""

        async def command(connection: Connection) -> None:
            await repository.close(connection, attempt.id, None, None, self._now())
            await idempotency.correct(connection, key, text)

        await self._db.write(command)

    async def abandon(self, attempt: Attempt, failure: Mapping[str, str]) -> None:
        """Nothing comes of it, whatever becomes of its checkout: its money is seen to as soon as somebody looks."""
        now = self._now()
        await self._db.write(lambda connection: repository.close(connection, attempt.id, failure, now, now))

    async def look_again(self, attempt: Attempt, at: datetime | None) -> None:
        """Say when somebody has to look at an attempt again."""
        await self._db.write(lambda connection: repository.due(connection, attempt.id, at))

    async def has_answered(self, attempt: Attempt, look_at: datetime) -> None:
        """The provider has said that nothing is decided yet: it is looked at again then, and nothing has failed."""
        await self._db.write(lambda connection: repository.has_answered(connection, attempt.id, look_at))

    async def try_again(self, attempt: Attempt, *, is_refused: bool = False) -> None:
        """Say that an attempt failed to be carried on: it is tried again, later every time; `is_refused`: once a day in
        the end, since only somebody at the provider's can change that.

        One that is being paid is looked at when its time is up, however often that has failed.
        """
        at = self._now() + _pause(attempt.tries, _REFUSED_S_MAX if is_refused else _AGAIN_S_MAX)
        if attempt.is_open and attempt.expires_at > self._now():
            at = min(at, attempt.expires_at)
        await self.look_again(attempt, at)

    async def prune(self, batch: int = 5000) -> int:
        """Forget webhooks that nobody tells of again; answers how many."""
        before, total = self._now() - WEBHOOKS_KEPT, 0
        while True:
            gone = await self._db.write(
                lambda connection: repository.prune_webhooks(connection, before, batch), self._db.job_patience_s
            )
            total += gone
            if gone < batch:
                return total

    async def _carry_out(self, refund_id: uuid.UUID) -> None:
        refund = await self._db.write(
            lambda connection: repository.claim_refund(connection, refund_id, self.lease, self._now())
        )
        attempt = None if refund is None else await self.find(refund.attempt_id)
        if refund is None or attempt is None:
            return
        provider = self.providers.of(attempt.provider)
        try:
            report = await self._answered(
                provider,
                provider.refund(
                    replace(attempt, tries=refund.tries - 1), refund.id, refund.amount_minor, refund.reason
                ),
            )
        except ProviderUnavailableError:
            # The job asks again under the same key, and where it is made already, what has come of it.
            again = self._now() + _pause(refund.tries)
            await self._db.write(lambda connection: repository.refund_due(connection, refund.id, again))
            return
        except ProviderRefusedError as refused:
            await self._refused(refund, str(refused)[:500])
            return
        await self._db.write(
            lambda connection: repository.settle_refund(connection, refund.id, report, refund.actor, self._now())
        )

    async def _refused(self, refund: Refund, failure: str) -> None:
        """Note a refusal. Staff are told; of money that no order came of once, though it is asked for again."""
        is_told = await self._db.write(
            lambda connection: repository.refund_refused(connection, refund.id, failure, refund.actor, self._now())
        )
        level = logging.ERROR if is_told else logging.WARNING
        logger.log(level, "refund %s of payment %s was refused: %s", refund.id, refund.attempt_id, failure)

    async def _reported(self, attempt: Attempt) -> Report | None:
        """What became of an attempt; None when the provider has never heard of it."""
        provider = self.providers.of(attempt.provider)
        try:
            return await self._answered(provider, provider.look_up(attempt))
        except ProviderRefusedError as refused:
            # A question is never refused for good: whatever is wrong with it, nothing is known.
            logger.warning("payment provider %s: %s", provider.code, refused)
            raise _no_answer() from refused

    async def _answered(self, provider: PaymentProvider, answer: Awaitable[T]) -> T:
        """What a provider answers in time. Raises ProviderUnavailableError: what was asked may have been done."""
        assert not in_transaction.get(), "a provider is asked between transactions"
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except (TimeoutError, ProviderTroubleError) as trouble:
            logger.warning("payment provider %s: %s", provider.code, str(trouble) or "no answer in time")
            raise _no_answer() from trouble

    async def _taken_in(self, attempt: Attempt, report: Report) -> Attempt:
        if max(report.authorized_minor, report.captured_minor) > attempt.amount_minor:
            # It speaks of another payment, or in another currency: nothing of it is booked.
            logger.error("payment %s of %d is reported as %s", attempt.id, attempt.amount_minor, report)
            raise _no_answer()
        found = await self._db.write(
            lambda connection: repository.apply(connection, attempt.id, report, SYSTEM, self._now())
        )
        assert found is not None, f"attempt {attempt.id} is gone"
        return found

    def _now(self) -> datetime:
        return self._db.clock.now()


def _pause(tries: int, longest_s: float = _AGAIN_S_MAX) -> timedelta:
    """How long to leave alone what failed so often."""
    return timedelta(seconds=min(_AGAIN_S * 2 ** min(tries, 20), longest_s))


def _no_answer() -> ProviderUnavailableError:
    return ProviderUnavailableError(
        "The payment provider does not answer right now. Ask what became of it in a moment: "
        "what became of the payment is looked up, and it is charged once at most.",
        headers={"Retry-After": "5"},
    )
