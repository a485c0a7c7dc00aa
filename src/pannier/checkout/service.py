"""Checkouts: each change is one transaction of two statements, with the decision between them."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec

from pannier.checkout import gift_cards, offers, rules, steps
from pannier.checkout.answers import Answers
from pannier.checkout.completion.begin import Asks
from pannier.checkout.completion.runner import Completion
from pannier.checkout.completion.session import open_session
from pannier.checkout.desk import Desk
from pannier.checkout.errors import EmptyCartError, in_progress
from pannier.checkout.looking import Decision, look
from pannier.checkout.models import Basket, Session, Told
from pannier.checkout.repository import Found
from pannier.checkout.returning import checked_return
from pannier.kernel.ids import uuid7
from pannier.orders import OrderService
from pannier.payments import PaymentService, Wish
from pannier.payments import open_providers as open_payment_providers
from pannier.platform import idempotency
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse, Providers, open_house
from pannier.pricing import BasketRequest
from pannier.promotions import book_revision

# How often a completion that others have under way is waited for and looked at again.
_ROUNDS = 4


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

    def __init__(
        self,
        db: Database,
        settings: Settings,
        prices: PriceHouse | None = None,
        payments: PaymentService | None = None,
        providers: Providers | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._origins = frozenset(settings.cors_origins)
        self._prices = prices or open_house(db, settings)
        self.payments = payments or PaymentService(db, settings, open_payment_providers(db, settings))
        self._answers = Answers(providers or Providers(), db.clock)
        self._desk = Desk(db, settings, self._prices, self.payments.providers, self._answers)
        self.completion = Completion(self._desk, self.payments, OrderService(db, settings), settings)
        gateway = self.payments.providers.test_gateway
        if gateway is not None:
            gateway.deliver = functools.partial(self.completion.hear, gateway.code)

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
        if principal.user_id is None and not self._settings.guest_checkout and not self._desk.house.is_stepwise:
            raise LoginRequiredError("Sign in to check out: this shop sells to registered customers.")
        changes = dict(_changes(told))
        consent = changes.pop("consent_token", None)
        return await self._answered(
            None,
            principal,
            key,
            lambda found: steps.begin(found, changes, consent, self._desk.rules(found), self._desk.lives),
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
        house = replace(self._desk.house, prices=prices)
        offers.check(_changes(told), house, self._db.clock.now())

    async def get(self, principal: Principal, checkout_id: uuid.UUID, *, explains: bool = False) -> dict[str, Any]:
        """A session over its cart as it is now. Raises CheckoutNotFoundError, CheckoutExpiredError."""
        found = await self._desk.find(principal, checkout_id)
        return await self._answers.answered(lambda: steps.show(found, self._desk.rules(found), explains=explains))

    async def open_session(self, principal: Principal, checkout_id: uuid.UUID) -> tuple[Session, Basket]:
        """A session that may still change, and its cart. Raises CheckoutNotFoundError, CheckoutClosedError,
        CheckoutExpiredError, and EmptyCartError when the cart is gone."""
        found = await self._desk.find(principal, checkout_id)
        session = open_session(found)
        if found.basket is None or not found.basket.is_open:
            raise EmptyCartError("The cart of this checkout is gone. Begin a new one.")
        return session, found.basket

    async def basket(self, principal: Principal, checkout_id: uuid.UUID) -> BasketRequest | None:
        """What pricing is asked for an open session: by `pricing.quote` every figure of it. None without a cart."""
        found = await self._desk.find(principal, checkout_id)
        assert found.session is not None
        house = replace(self._desk.rules(found), answers=None)
        seen = look(found.session, found.basket, house)
        return seen.request or rules.request_of(seen.session, seen.basket, seen.lines, house.prices)

    async def shipping_options(self, principal: Principal, checkout_id: uuid.UUID) -> dict[str, Any]:
        """The ways of shipping what the session is about."""
        found = await self._desk.find(principal, checkout_id)
        assert found.session is not None
        session, house = found.session, self._desk.rules(found)
        return await self._answers.answered(
            lambda: steps.shipping_options(look(session, found.basket, house), house, found.at)
        )

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
            return steps.revise(found, wanted, event, self._desk.rules(found), self._desk.lives)

        return await self._answered(checkout_id, principal, key, decide, told=offers.tenders_told(changes))

    async def take_off_gift_card(
        self, principal: Principal, checkout_id: uuid.UUID, card: uuid.UUID, *, key: Key | None = None
    ) -> CheckoutAnswer:
        """Let a gift card pay no longer, by the id it has in `tenders`; one that does not pay is no fault."""

        def decide(found: Found) -> Decision:
            return steps.revise(
                found, {"gift_card_off": card}, "checkout.updated", self._desk.rules(found), self._desk.lives
            )

        return await self._answered(checkout_id, principal, key, decide)

    async def purses(self, principal: Principal) -> gift_cards.Purses:
        """What the principal could pay with beside money."""
        async with self._db.read() as connection:
            return await gift_cards.purses_of(
                connection, principal.user_id, self._settings.currency, self._prices.newest, self._db.clock.now()
            )

    async def cancel(self, principal: Principal, checkout_id: uuid.UUID, *, key: Key | None = None) -> CheckoutAnswer:
        """Give a session up; the cart stays."""
        return await self._answered(
            checkout_id,
            principal,
            key,
            lambda found: steps.cancel(found, self._desk.rules(found)),
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
        payment_token: str | None = None,
        return_url: str | None = None,
        expected_total: int | tuple[int, str] | None = None,
        external_reference: str | None = None,
        idempotency_key: str | None = None,
        key: Key | None = None,
    ) -> CheckoutAnswer:
        """Be paid, and place the order, exactly once: a completed session answers its order, whoever asks how often.

        `expected_total` is in minor units, or with its currency; without it the total shown last counts. With
        `payment_token` the provider is asked by it, without one it shows its own page: the answer's status is
        `requires_escalation` then, its link `payment` leads there, and from there to `return_url`.
        Raises what `errors.py`, `payments` and `orders.ExternalReferenceTakenError` say; nothing is stored then.
        """
        if idempotency_key is not None:
            asked = (checkout_id, payment_method, expected_total, external_reference, payment_token)
            key = idempotency.key_of(
                principal, idempotency_key, method="COMPLETE", target="checkout", body=msgspec.json.encode(asked)
            )
        changes = {} if payment_method is None else {"payment_method": payment_method}
        asks = Asks(uuid7(), key, external_reference)

        def decide(found: Found, locked: frozenset[uuid.UUID]) -> Decision:
            return steps.complete(found, changes, expected_total, asks, self._desk.rules(found), locked)

        back = f"/checkout/{checkout_id}/back" if return_url is None else checked_return(return_url, self._origins)
        wish = Wish(token=payment_token, return_url=back, is_captured=self._desk.house.captures_at_once)
        for _ in range(_ROUNDS):
            outcome = await self._desk.place(
                checkout_id,
                principal,
                key,
                decide,
                external_reference=external_reference,
                is_alone=self._settings.checkout_busy == "refuse",
            )
            if isinstance(outcome, Answer):
                return CheckoutAnswer(outcome)
            if outcome.attempt.id == asks.attempt_id:
                return CheckoutAnswer(await self.completion.run(outcome.attempt, principal, key, wish))
            is_other = payment_token is not None or payment_method not in {None, outcome.attempt.method}
            shown = await self.completion.join(outcome.attempt, principal, is_other=is_other)
            if shown is not None:
                return CheckoutAnswer(shown)
        raise in_progress()

    async def _answered(
        self,
        checkout_id: uuid.UUID | None,
        principal: Principal,
        key: Key | None,
        decide: Callable[[Found], Decision],
        **how: Any,
    ) -> CheckoutAnswer:
        """What a change comes to. A payment that it would leave is asked for first: she may have paid."""
        asked: set[uuid.UUID] = set()

        def asking(found: Found) -> Decision:
            attempt, session = found.attempt, found.session
            if attempt is None or attempt.id in asked or session is None or session.status != "requires_escalation":
                return decide(found)
            # One that has the money is carried on, whatever is wanted.
            decision = Decision(resume=attempt) if attempt.is_good else decide(found)
            return Decision(resume=attempt) if "closed" in (decision.save or {}) else decision

        for _ in range(_ROUNDS):
            outcome = await self._desk.change(checkout_id, principal, key, asking, **how)
            if isinstance(outcome, Answer):
                return CheckoutAnswer(outcome)
            asked.add(outcome.attempt.id)
            await self.completion.advance(outcome.attempt)
        raise in_progress()


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
