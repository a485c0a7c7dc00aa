"""What people, workers and time do in a play. Each act may be cut off at any point, and is then begun anew."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pannier.cart import CartOwner, CartService, Change, Command, add
from pannier.checkout import Address, CheckoutPatch, CheckoutService
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.kernel.ids import new_cart_token
from pannier.orders import OrderService
from pannier.payments import PaymentService, Providers
from pannier.platform.database import Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse
from soak.simulation.provider import FaultyProvider
from soak.simulation.scheduler import Act, Scheduler

_ADDRESS = Address(name="Jane Doe", line1="1 High Street", city="Springfield", postal_code="12345", country="US")
_STAFF = Principal("admin", frozenset({"admin", "staff"}))
#: How often a client asks again when it is told to.
_PATIENCE = 5


@dataclass
class Street:
    """What all have in common. Every actor has services of its own, as if it were in a process of its own."""

    db: Database
    settings: Settings
    clock: ManualClock
    prices: PriceHouse
    scheduler: Scheduler
    chance: random.Random
    provider: FaultyProvider
    #: Makes the checkouts of an actor worse ones, for a negative control.
    weaken: Callable[[CheckoutService], None] | None = None
    #: Orders that somebody was told of, by checkout.
    told: dict[uuid.UUID, set[str]] = field(default_factory=dict)

    def checkouts(self) -> CheckoutService:
        providers = Providers({self.provider.code: self.provider}, self.settings.payment_methods)
        payments = PaymentService(self.db, self.settings, providers)
        checkouts = CheckoutService(self.db, self.settings, self.prices, payments)
        if self.weaken is not None:
            self.weaken(checkouts)
        return checkouts

    def carts(self) -> CartService:
        return CartService(self.db, self.settings, self.prices)

    def orders(self) -> OrderService:
        return OrderService(self.db, self.settings)

    def enter(self, name: str, act: Act, *, is_mortal: bool = True) -> None:
        """Somebody comes in; when he dies, somebody else begins the same again."""
        self.scheduler.enter(name, act, (lambda: self.enter(f"{name}'", act)) if is_mortal else None)

    def webhook(self, headers: Mapping[str, str], body: bytes) -> Act:
        """The provider tells of something, and again until it is heard."""

        async def tell() -> None:
            checkouts = self.checkouts()
            for _ in range(_PATIENCE):
                try:
                    await checkouts.completion.hear(self.provider.code, headers, body)
                    break
                except PannierError as refused:
                    await self.scheduler.point(f"tells again after {refused.error}")

        return tell

    def come_back(self, checkout_id: uuid.UUID) -> Act:
        """A shopper is back from the provider's page."""

        async def back() -> None:
            await _quietly(self.checkouts().completion.come_back(_STAFF, checkout_id))

        return back


@dataclass
class Shopper:
    """Somebody with a cart and a checkout that lacks nothing."""

    street: Street
    principal: Principal
    checkout_id: uuid.UUID
    line_id: uuid.UUID

    @classmethod
    async def ready(cls, street: Street, units: list[tuple[uuid.UUID, int]], code: str | None, method: str) -> Shopper:
        """One whose checkout could be completed at once."""
        principal = Principal("guest", frozenset({"guest"}), None, new_cart_token(), "bearer")
        changes = [add(variant, quantity) for variant, quantity in units]
        if code is not None:
            changes.append(Change(op="coupon", values={"enter": code}))
        filled = await street.carts().apply(Command(_owner(principal), "cart.item_added", changes))
        line_id = filled.answer.results[0].line_id
        told = CheckoutPatch(email="jane@example.com", shipping_address=_ADDRESS, payment_method=method)
        checkout = await street.checkouts().create_checkout(principal, told)
        return cls(street, principal, checkout.id, uuid.UUID(str(line_id)))

    async def complete(self, key: str | None, token: str | None = None) -> None:
        """Place the order, and ask again for as long as one is told to."""
        checkouts = self.street.checkouts()
        for _ in range(_PATIENCE):
            try:
                done = await checkouts.complete(
                    self.principal, self.checkout_id, payment_token=token, idempotency_key=key
                )
            except PannierError as refused:
                if refused.kind is ErrorKind.invalid:
                    # Whoever asks for nonsense plays nothing.
                    raise
                if not _is_for_later(refused):
                    return
                await self.street.scheduler.point(f"waits after {refused.error}")
                continue
            if done.order_number is not None:
                self.street.told.setdefault(self.checkout_id, set()).add(done.order_number)
            return

    async def change_mind(self, quantity: int) -> None:
        """Want another number of the first thing, in another tab."""
        change = Change(op="set", line_id=self.line_id, quantity=quantity)
        await _quietly(self.street.carts().apply(Command(_owner(self.principal), "cart.item_changed", [change])))

    async def give_up(self) -> None:
        """Cancel the checkout in another tab."""
        await _quietly(self.street.checkouts().cancel(self.principal, self.checkout_id))

    async def look(self) -> None:
        """Ask how far it is."""
        await _quietly(self.street.checkouts().get(self.principal, self.checkout_id))


async def desk(street: Street, act: str) -> None:
    """Staff cancel the first order they see, or note that it is paid."""
    orders = street.orders()
    found, _ = await orders.list_all()
    for order in found[:1]:
        if act == "cancel":
            await _quietly(orders.cancel(_STAFF, order.number, reason="changed our mind"))
        else:
            await _quietly(orders.pay(_STAFF, order.number))


async def sweeper(street: Street, rounds: int) -> None:
    """Let go of what ran out, and close carts whose time is up."""
    for _ in range(rounds):
        await _quietly(sweep(street.db))
        await _quietly(street.carts().expire_due())


async def resumer(street: Street, rounds: int) -> None:
    """Carry on what others have left."""
    for _ in range(rounds):
        await _quietly(street.checkouts().completion.resume())


async def time_passes(street: Street, steps: list[timedelta]) -> None:
    """Now and then it is later."""
    for step in steps:
        await street.scheduler.point(f"{step} pass")
        street.clock.advance(step)


def _owner(principal: Principal) -> CartOwner:
    return CartOwner(user_id=principal.user_id, token=principal.cart_token)


def _is_for_later(refused: PannierError) -> bool:
    return refused.kind is ErrorKind.unavailable or refused.error in {"IDEMPOTENCY_IN_FLIGHT", "COMPLETION_IN_PROGRESS"}


async def _quietly(act: Awaitable[object]) -> None:
    """A refusal is an answer, and here nobody minds which."""
    try:
        await act
    except PannierError:
        return
