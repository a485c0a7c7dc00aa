"""Checkouts: each change is one transaction of two statements, with the decision between them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import asyncpg
import msgspec

from pannier.cart import PriceKeeping
from pannier.checkout import gift_cards, offers, repository, rules, steps
from pannier.checkout.errors import CheckoutNotFoundError, CompletionInProgressError, EmptyCartError
from pannier.checkout.looking import Decision, Lives, look
from pannier.checkout.models import HouseRules, Told
from pannier.checkout.repository import Found
from pannier.kernel.errors import PannierError
from pannier.orders import ExternalReferenceTakenError, stock_when_ordered, stock_when_paid
from pannier.platform import idempotency
from pannier.platform.database import Connection, Database, unavailable
from pannier.platform.idempotency import Answer, Key
from pannier.platform.observability.context import correlation_id
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse, open_house
from pannier.pricing import BasketRequest
from pannier.promotions import book_revision

# A number that is taken, a code or a gift card that somebody else has just used up: each is found at the next look.
_ATTEMPTS = 6
# Raised by coupon_claim and purse_charge.
_TAKEN = frozenset({"PN010", "PN011"})


@dataclass(frozen=True)
class CheckoutAnswer:
    """A checkout on the wire, as bytes and read. `is_replay`: this key was answered before."""

    answer: Answer

    @property
    def is_replay(self) -> bool:
        return self.answer.is_replay

    @cached_property
    def document(self) -> dict[str, Any]:
        """The wire's JSON object; schemas.CheckoutDocument describes it."""
        document: dict[str, Any] = msgspec.json.decode(self.answer.body)
        return document

    @property
    def id(self) -> uuid.UUID:
        return uuid.UUID(self.document["id"])

    @property
    def order_number(self) -> str | None:
        """The number of the order it became."""
        order = self.document["order"]
        return None if order is None else str(order["number"])


class CheckoutService:
    """The checkouts of one shop. A checkout belongs to its cart's owner; to others but staff it is not there."""

    def __init__(self, db: Database, settings: Settings, prices: PriceHouse | None = None) -> None:
        self._db = db
        self._settings = settings
        self._prices = prices or open_house(db, settings)
        self._house = HouseRules(
            prices=self._prices.newest,
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
        )
        self._keeping = PriceKeeping.from_settings(settings)
        self._lives = Lives(timedelta(seconds=settings.checkout_ttl_s), timedelta(seconds=settings.hold_cap_s))

    async def create_checkout(
        self,
        principal: Principal,
        told: Told | None = None,
        *,
        channel: str | None = None,
        cart_id: uuid.UUID | None = None,
        key: Key | None = None,
    ) -> CheckoutAnswer:
        """A session over the principal's open cart; an open one is taken up again, with what was told.

        `cart_id`: over that cart of the principal's, which stands beside the open one.

        Prices that have changed since they were shown need the shopper's consent first: see `CheckoutPatch`.
        Raises EmptyCartError, LoginRequiredError, PriceChangedError, PaymentMethodUnavailableError,
        ShippingNotAvailableError, and InsufficientStockError where beginning a checkout holds stock.
        """
        if principal.user_id is None and principal.cart_token is None:
            raise EmptyCartError("There is no cart with anything in it. Add an item first.")
        if principal.user_id is None and not self._settings.guest_checkout and not self._house.is_stepwise:
            raise LoginRequiredError("Sign in to check out: this shop sells to registered customers.")
        changes = dict(_changes(told))
        consent = changes.pop("consent_token", None)
        return await self._change(
            None,
            principal,
            key,
            lambda found: steps.begin(found, changes, consent, self._rules(found), self._lives),
            channel=channel,
            cart_id=cart_id,
            told=offers.tenders_told(changes),
        )

    async def check(self, principal: Principal, told: Told | None) -> None:
        """Raises what can be said of a new session before there is a cart: LoginRequiredError,
        PaymentMethodUnavailableError, ShippingNotAvailableError."""
        if principal.user_id is None and not self._settings.guest_checkout:
            raise LoginRequiredError("Sign in to check out: this shop sells to registered customers.")
        async with self._db.read() as connection:
            prices = await self._prices.at(await book_revision(connection))
        house = replace(self._house, prices=prices)
        offers.check(_changes(told), house, self._db.clock.now())

    async def get(self, principal: Principal, checkout_id: uuid.UUID, *, explains: bool = False) -> dict[str, Any]:
        """A session over its cart as it is now. Raises CheckoutNotFoundError, CheckoutExpiredError."""
        found = await self._find(principal, checkout_id)
        return steps.show(found, self._rules(found), explains=explains)

    async def basket(self, principal: Principal, checkout_id: uuid.UUID) -> BasketRequest | None:
        """What pricing is asked for an open session: by `pricing.quote` every figure of it. None without a cart."""
        found = await self._find(principal, checkout_id)
        assert found.session is not None
        house = self._rules(found)
        seen = look(found.session, found.basket, house)
        return seen.request or rules.request_of(seen.session, seen.basket, seen.lines, house.prices)

    async def shipping_options(self, principal: Principal, checkout_id: uuid.UUID) -> dict[str, Any]:
        """The ways of shipping what the session is about."""
        found = await self._find(principal, checkout_id)
        assert found.session is not None
        house = self._rules(found)
        return steps.shipping_options(look(found.session, found.basket, house), house, found.at)

    async def update(
        self,
        principal: Principal,
        checkout_id: uuid.UUID,
        told: Told | None = None,
        *,
        event: str = "checkout.updated",
        key: Key | None = None,
        adds_gift_cards: bool = False,
    ) -> CheckoutAnswer:
        """Change some fields, or none: the figures are worked out anew, and count as shown to the shopper.

        `adds_gift_cards`: those that are told pay beside the ones named before, and not in their place.
        """
        changes = dict(_changes(told))
        changes.pop("consent_token", None)

        def decide(found: Found) -> Decision:
            wanted = {**changes, "adds_gift_cards": True} if adds_gift_cards else changes
            return steps.revise(found, wanted, event, self._rules(found), self._lives)

        return await self._change(checkout_id, principal, key, decide, told=offers.tenders_told(changes))

    async def take_off_gift_card(
        self, principal: Principal, checkout_id: uuid.UUID, card: uuid.UUID, *, key: Key | None = None
    ) -> CheckoutAnswer:
        """Let a gift card pay no longer, by the id it has in `tenders`; one that does not pay is no fault."""

        def decide(found: Found) -> Decision:
            return steps.revise(found, {"gift_card_off": card}, "checkout.updated", self._rules(found), self._lives)

        return await self._change(checkout_id, principal, key, decide)

    async def purses(self, principal: Principal) -> gift_cards.Purses:
        """What the principal could pay with beside money."""
        async with self._db.read() as connection:
            return await gift_cards.purses_of(
                connection, principal.user_id, self._settings.currency, self._prices.newest, self._db.clock.now()
            )

    async def cancel(self, principal: Principal, checkout_id: uuid.UUID, *, key: Key | None = None) -> CheckoutAnswer:
        """Give a session up; the cart stays."""
        return await self._change(
            checkout_id,
            principal,
            key,
            lambda found: steps.cancel(found, self._rules(found)),
            # What a cart beside the open one was promised is given back.
            locks_stock=True,
            is_repeatable=True,
        )

    async def complete(
        self,
        principal: Principal,
        checkout_id: uuid.UUID,
        *,
        payment_method: str | None = None,
        expected_total: int | tuple[int, str] | None = None,
        external_reference: str | None = None,
        idempotency_key: str | None = None,
        key: Key | None = None,
    ) -> CheckoutAnswer:
        """Place the order, exactly once: a completed session answers its order, whoever asks how often.

        `expected_total` is in minor units, or with its currency; without it the total shown last counts.
        Raises what `errors.py` and `orders.ExternalReferenceTakenError` say; nothing is stored then.
        """
        if idempotency_key is not None:
            asked = (checkout_id, payment_method, expected_total, external_reference)
            key = idempotency.key_of(
                principal, idempotency_key, method="COMPLETE", target="checkout", body=msgspec.json.encode(asked)
            )
        changes = {} if payment_method is None else {"payment_method": payment_method}

        locked: frozenset[uuid.UUID] = frozenset()

        def decide(found: Found) -> Decision:
            return steps.complete(found, changes, expected_total, external_reference, self._rules(found), locked)

        for _ in range(_ATTEMPTS):
            try:
                return await self._change(
                    checkout_id,
                    principal,
                    key,
                    decide,
                    locks_stock=True,
                    gifts=locked,
                    is_repeatable=True,
                    is_alone=self._settings.checkout_busy == "refuse",
                )
            except steps.GiftsToLockError as more:
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

    def _rules(self, found: Found) -> HouseRules:
        """The house rules, with the prices of the moment."""
        return replace(self._house, prices=found.prices)

    async def _find(self, principal: Principal, checkout_id: uuid.UUID) -> Found:
        async with self._db.read() as connection:
            found = await repository.read(
                connection, checkout_id, principal, self._prices, self._keeping, self._db.offset
            )
            if found.is_stale:
                # There are gifts by now that nobody looked at.
                found = await repository.read(
                    connection, checkout_id, principal, self._prices, self._keeping, self._db.offset
                )
        if found.session is None:
            raise _not_found(checkout_id)
        return found

    async def _change(
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
    ) -> CheckoutAnswer:
        """Lock, decide, store. `is_repeatable`: the decision finds under the lock whether it was carried out.
        `is_alone`: refused at once while somebody else does the same."""

        async def command(connection: Connection) -> Answer | PannierError:
            if is_alone and checkout_id is not None and not await repository.try_alone(connection, checkout_id):
                return CompletionInProgressError(
                    "Another request is completing this checkout. Ask for its status in a second.",
                    headers={"Retry-After": "1"},
                )
            found = await repository.lock(
                connection,
                checkout_id,
                principal,
                channel or self._settings.channel,
                key,
                locks_stock=locks_stock or self._house.holds_at_checkout,
                house=self._prices,
                keeping=self._keeping,
                offset=self._db.offset,
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
            lambda: self._db.write(command), is_repeatable=is_repeatable or key is not None
        )
        if isinstance(outcome, PannierError):
            raise outcome
        return CheckoutAnswer(outcome)

    def _decided(self, found: Found, checkout_id: uuid.UUID | None, decide: Callable[[Found], Decision]) -> Decision:
        try:
            if found.session is None and checkout_id is not None:
                raise _not_found(checkout_id)
            return decide(found)
        except PannierError as refusal:
            return Decision(refusal=refusal)

    async def _store(
        self, connection: Connection, decision: Decision, principal: Principal, key: Key | None, found: Found
    ) -> Answer | PannierError:
        """A refusal is returned, not raised, so that its record and what it counts as shown are committed."""
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
        if decision.place is not None:
            decision.place.values.update(who)
            await repository.place(connection, decision.place, key, text)
        elif decision.save is not None:
            await repository.save(connection, {**decision.save, **who}, key, text)
        elif text is not None:
            await idempotency.keep(connection, key, text, found.at)
        return answer


def _changes(told: Told | None) -> Mapping[str, Any]:
    if told is None:
        return {}
    changes = told.model_dump(exclude_unset=True)
    for name in ("shipping_address", "billing_address"):
        if changes.get(name) is not None:
            changes[name] = {field: value for field, value in changes[name].items() if value is not None}
    if changes.get("line_ids") is not None:
        changes["line_ids"] = tuple(changes["line_ids"])
    return changes


def _not_found(checkout_id: uuid.UUID) -> CheckoutNotFoundError:
    return CheckoutNotFoundError(f"There is no checkout {checkout_id} among yours.", field="id")
