"""Where a checkout is changed: one transaction of two statements, lock and store, with the decision between them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from pannier.cart import PriceKeeping
from pannier.checkout import repository
from pannier.checkout.answers import Answers
from pannier.checkout.errors import CheckoutNotFoundError, in_progress
from pannier.checkout.looking import Decision, GiftsToLockError, Lives
from pannier.checkout.models import HouseRules
from pannier.checkout.repository import Found
from pannier.kernel.errors import PannierError
from pannier.orders import ExternalReferenceTakenError, stock_when_ordered, stock_when_paid
from pannier.payments import Attempt, Providers
from pannier.platform import idempotency
from pannier.platform.database import Connection, Database, unavailable
from pannier.platform.idempotency import Answer, Key
from pannier.platform.observability.context import correlation_id
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse

# A number that is taken, a code or a gift card that somebody else has just used up: each is found at the next look.
_ATTEMPTS = 6
# Raised by coupon_claim and purse_charge.
_TAKEN = frozenset({"PN010", "PN011"})


@dataclass(frozen=True, slots=True)
class Underway:
    """There is no answer yet: a payment has begun, or was under way."""

    attempt: Attempt
    has_begun: bool


class Desk:
    """The checkouts of one shop, as its house rules have them."""

    def __init__(
        self, db: Database, settings: Settings, prices: PriceHouse, providers: Providers, answers: Answers
    ) -> None:
        self.db = db
        self.prices = prices
        self._settings = settings
        self._providers = providers
        self._answers = answers
        self.house = HouseRules(
            prices=prices.newest,
            payment_methods=settings.payment_methods,
            required=frozenset(settings.checkout_requires),
            is_guest_welcome=settings.guest_checkout,
            stock_action=stock_when_ordered(settings.hold_at, settings.commit_at),
            stock_action_when_paid=stock_when_paid(settings.commit_at),
            holds_at_checkout=settings.hold_at == "checkout",
            asks_consent=settings.enable_cart_validation,
            is_stepwise=settings.checkout_steps == "ordered",
            skips_single_shipping=settings.skip_single_shipping,
            skips_single_payment=settings.skip_single_payment,
            answers_again=settings.checkout_repeat == "answer",
            lease=timedelta(seconds=settings.lease_s),
            payment_life=timedelta(seconds=settings.payment_page_ttl_s),
            captures_at_once=settings.payment_capture == "at_once",
            answers=answers if answers.has_prices or answers.has_taxes else None,
        )
        #: Those of the last moment; most have the same prices as the one before.
        self._ruled = self.house
        self.keeping = PriceKeeping.from_settings(settings)
        self.lives = Lives(timedelta(seconds=settings.checkout_ttl_s), timedelta(seconds=settings.hold_cap_s))

    def rules(self, found: Found) -> HouseRules:
        """The house rules, with the prices of the moment."""
        known, charging = self._ruled, self._providers.charging
        if known.prices is not found.prices or known.charging != charging:
            self._ruled = known = replace(self.house, prices=found.prices, charging=charging)
        return known

    async def find(self, principal: Principal, checkout_id: uuid.UUID) -> Found:
        """A checkout of the principal's, without locks. Raises CheckoutNotFoundError."""
        async with self.db.read() as connection:
            place = (principal, self.prices, self.keeping, self.db.offset)
            found = await repository.read(connection, checkout_id, *place)
            if found.is_stale:
                # There are gifts by now that nobody looked at.
                found = await repository.read(connection, checkout_id, *place)
        if found.session is None:
            raise _not_found(checkout_id)
        return found

    async def change(
        self,
        checkout_id: uuid.UUID | None,
        principal: Principal,
        key: Key | None,
        decide: Callable[[Found], Decision],
        *,
        channel: str | None = None,
        cart_id: uuid.UUID | None = None,
        told: Mapping[str, Any] | None = None,
        gifts: frozenset[uuid.UUID] = frozenset(),
        locks_stock: bool = False,
        is_repeatable: bool = False,
        is_alone: bool = False,
    ) -> Answer | Underway:
        """Lock, decide, store. `is_repeatable`: the decision finds under the lock whether it was carried out.
        `is_alone`: refused at once while somebody else does the same."""

        async def command(connection: Connection) -> Answer | PannierError | Underway:
            if is_alone and checkout_id is not None and not await repository.try_alone(connection, checkout_id):
                return in_progress()
            found = await repository.lock(
                connection,
                checkout_id,
                principal,
                channel or self._settings.channel,
                key,
                locks_stock=locks_stock or self.house.holds_at_checkout,
                house=self.prices,
                keeping=self.keeping,
                offset=self.db.offset,
                cart_id=cart_id,
                told=told,
                gifts=gifts,
            )
            if found.is_stale:
                raise asyncpg.SerializationError("the shop's prices changed meanwhile")
            if found.outcome is not None and found.outcome != "NOT_FOUND":
                return idempotency.replayed(found.outcome, found.answer)
            decision = self._decided(found, checkout_id, decide)
            return await self._store(connection, decision, principal, key, found)

        outcome = await idempotency.settled(
            lambda: self._answers.asking(lambda: self.db.write(command)),
            is_repeatable=is_repeatable or key is not None,
        )
        if isinstance(outcome, PannierError):
            raise outcome
        return outcome

    async def place(
        self,
        checkout_id: uuid.UUID,
        principal: Principal,
        key: Key | None,
        decide: Callable[[Found, frozenset[uuid.UUID]], Decision],
        *,
        external_reference: str | None = None,
        is_alone: bool = False,
    ) -> Answer | Underway:
        """A change that may place the order: again, where somebody else was quicker. `decide` is told whose stock is
        locked beside that of the cart. Raises ExternalReferenceTakenError."""
        locked: frozenset[uuid.UUID] = frozenset()
        for _ in range(_ATTEMPTS):
            try:
                return await self.change(
                    checkout_id,
                    principal,
                    key,
                    lambda found, locked=locked: decide(found, locked),  # type: ignore[misc]  # bound to this round
                    locks_stock=True,
                    gifts=locked,
                    is_repeatable=True,
                    is_alone=is_alone,
                )
            except GiftsToLockError as more:
                # Only a look under the locks tells what is given; most orders give nothing, and lock nothing for it.
                locked |= more.variants
            except asyncpg.UniqueViolationError as violation:
                if violation.constraint_name == "orders_external_reference_unique":
                    raise ExternalReferenceTakenError(
                        f"There is an order with the external reference {external_reference} already.",
                        field="external_reference",
                        details={"external_reference": external_reference},
                    ) from None
                if violation.constraint_name != "orders_number_unique":
                    raise
            except asyncpg.PostgresError as taken:
                # Somebody else had the last use of a code, or of a gift card: the next look finds it so.
                if taken.sqlstate not in _TAKEN:
                    raise
        raise unavailable(RuntimeError("others were quicker every time"))

    def _decided(self, found: Found, checkout_id: uuid.UUID | None, decide: Callable[[Found], Decision]) -> Decision:
        try:
            if found.session is None and checkout_id is not None:
                raise _not_found(checkout_id)
            return decide(found)
        except PannierError as refusal:
            return Decision(refusal=refusal)

    async def _store(
        self, connection: Connection, decision: Decision, principal: Principal, key: Key | None, found: Found
    ) -> Answer | PannierError | Underway:
        """A refusal is returned, not raised, so that its record and what it counts as shown are committed."""
        if decision.resume is not None:
            return Underway(decision.resume, has_begun=False)
        answer: Answer | PannierError
        if decision.refusal is not None:
            answer = decision.refusal
            text = None if key is None else idempotency.kept_refusal(answer)
        else:
            answer = Answer(msgspec.json.encode(decision.document), decision.status)
            text = None if key is None else idempotency.kept_answer(answer)
        who = {
            "actor": principal.user_id or principal.kind,
            "device": principal.device,
            "correlation_id": correlation_id.get(),
        }
        if decision.pay is not None:
            # There is no answer yet to be kept under the key.
            await repository.save(connection, {**(decision.save or {}), **who}, None, None)
            return Underway(decision.pay, has_begun=True)
        if decision.place is not None:
            decision.place.values.update(who)
            await repository.place(connection, decision.place, key, text)
        elif decision.save is not None:
            await repository.save(connection, {**decision.save, **who}, key, text)
        elif text is not None:
            await idempotency.keep(connection, key, text, found.at)
        return answer


def _not_found(checkout_id: uuid.UUID) -> CheckoutNotFoundError:
    return CheckoutNotFoundError(f"There is no checkout {checkout_id} among yours.", field="id")
