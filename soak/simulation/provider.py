"""A payment provider whose answers get lost or arrive late, and whose own books tell what was really paid."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import msgspec

from pannier.kernel.clock import Clock
from pannier.payments import (
    Attempt,
    Notice,
    ProviderRefusedError,
    ProviderTroubleError,
    Report,
    WebhookRefusedError,
    Wish,
)
from soak.simulation.scheduler import Act, Scheduler

Fault = Literal["before", "after", "twice", "late"]
#: A request that the network has kept for longer than this arrives no more.
_LATE_MAX = timedelta(minutes=10)
_SIGNATURE = "x-signature"
_SECRET = "a secret of two"
T = TypeVar("T")


@dataclass
class Charge:
    """A payment as the provider has it."""

    reference: str
    attempt_id: uuid.UUID
    checkout_id: uuid.UUID | None
    amount_minor: int
    state: Literal["challenged", "authorized", "captured", "declined", "voided"]
    captures: bool
    captured_minor: int = 0
    refunds: dict[uuid.UUID, int] = field(default_factory=dict)
    #: Whether what made it had been on its way so long that the shop had given it up.
    is_late: bool = False

    @property
    def refunded_minor(self) -> int:
        return sum(self.refunds.values())


class _Told(msgspec.Struct):
    id: str
    attempt_id: uuid.UUID
    reference: str


class FaultyProvider:
    """The `PaymentProvider` of a play. `enter` sends somebody in: a late request, a webhook, a shopper on its page."""

    code = "test"
    is_promise = False

    def __init__(
        self,
        chance: random.Random,
        scheduler: Scheduler,
        clock: Clock,
        enter: Callable[[str, Act], None],
        standing: Callable[[list[uuid.UUID]], Awaitable[int]],
        *,
        faults: int,
        forgets_keys: bool = False,
    ) -> None:
        self._chance = chance
        self._scheduler = scheduler
        self._clock = clock
        self._enter = enter
        self._standing = standing
        self._doubles: list[list[Charge]] = []
        self._faults = faults
        self._forgets_keys = forgets_keys
        self._count = 0
        self._is_late = False
        self.charges: list[Charge] = []
        #: What it did that no shop may let happen.
        self.wrongs: list[str] = []
        #: Carries a webhook, or a shopper's coming back, to the shop.
        self.deliver: Callable[[Mapping[str, str], bytes], Act] | None = None
        self.come_back: Callable[[uuid.UUID], Act] | None = None

    async def authorize(self, payment: Attempt, wish: Wish) -> Report:
        return await self._asked("authorize", lambda: self._authorize(payment, wish))

    async def capture(self, payment: Attempt) -> Report:
        return await self._asked("capture", lambda: self._capture(payment))

    async def void(self, payment: Attempt) -> Report:
        return await self._asked("void", lambda: self._void(payment))

    async def refund(self, payment: Attempt, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Report:
        return await self._asked("refund", lambda: self._refund(payment, refund_id, amount_minor))

    async def look_up(self, payment: Attempt) -> Report | None:
        def look() -> Report | None:
            found = self._find(payment)
            return None if found is None else _report(found)

        return await self._asked("look up", look)

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        if headers.get(_SIGNATURE) != _SECRET:
            raise WebhookRefusedError("The webhook's signature is not good.")
        told = msgspec.json.decode(body, type=_Told)
        return Notice(told.id, "payment.changed", told.reference, told.attempt_id)

    async def close(self) -> None:
        """There is nothing to close."""

    def stop_failing(self) -> None:
        """From now on everything arrives at once."""
        self._faults = 0

    async def _asked(self, what: str, act: Callable[[], T]) -> T:
        await self._scheduler.point(f"provider: {what}")
        fault = self._fault()
        if fault == "before":
            raise ProviderTroubleError("no answer")
        if fault == "late":
            self._enter(f"late {what}", lambda: self._late(act, self._clock.now()))
            raise ProviderTroubleError("no answer yet")
        if fault == "twice":
            act()
        answer = act()
        await self._look_at_doubles()
        await self._scheduler.point(f"provider: {what} done")
        if fault == "after":
            raise ProviderTroubleError("no answer")
        return answer

    async def _late(self, act: Callable[[], object], sent_at: datetime) -> None:
        await self._scheduler.point("arrives late")
        if self._clock.now() - sent_at < _LATE_MAX:
            self._is_late = True
            try:
                act()
            except ProviderRefusedError:
                return
            finally:
                self._is_late = False

    def _fault(self) -> Fault | None:
        if self._faults <= 0 or self._chance.random() >= 0.3:
            return None
        self._faults -= 1
        faults: tuple[Fault, ...] = ("before", "after", "twice", "late")
        return self._chance.choice(faults)

    def _find(self, payment: Attempt) -> Charge | None:
        return next((one for one in self.charges if one.attempt_id == payment.id), None)

    def _authorize(self, payment: Attempt, wish: Wish) -> Report:
        found = None if self._forgets_keys else self._find(payment)
        if found is None:
            self._count += 1
            found = Charge(
                f"ch_{self._count}", payment.id, payment.checkout_id, payment.amount_minor, "voided", wish.is_captured
            )
            found.is_late = self._is_late
            self.charges.append(found)
            drawn = self._chance.random()
            if drawn < 0.12:
                found.state = "declined"
            elif drawn < 0.35:
                found.state = "challenged"
                self._enter(f"page of {found.reference}", lambda: self._page(found))
            else:
                self._pay(found)
            if self._chance.random() < 0.5:
                self._tell(found)
        return _report(found)

    def _pay(self, charge: Charge) -> None:
        charge.state = "authorized"
        if charge.captures:
            self._take(charge)

    def _take(self, charge: Charge) -> None:
        charge.state, charge.captured_minor = "captured", charge.amount_minor
        same = [one for one in self.charges if one.checkout_id == charge.checkout_id and one.captured_minor]
        paid = [one for one in same if one.captured_minor > one.refunded_minor]
        # What arrives when nobody expects it any more can only be given back.
        if len(paid) > 1 and not any(one.is_late for one in paid):
            self._doubles.append(paid)

    async def _look_at_doubles(self) -> None:
        """Somebody has paid twice: whether the shop stands by more than one of them, or is giving the others back."""
        while self._doubles:
            paid = self._doubles.pop()
            told = [one.reference for one in paid]
            is_one_attempt = len({one.attempt_id for one in paid}) < len(paid)
            if is_one_attempt or await self._standing([one.attempt_id for one in paid]) > 1:
                self.wrongs.append(f"checkout {paid[0].checkout_id} is charged more than once: {told}")

    def _capture(self, payment: Attempt) -> Report:
        found = self._known(payment)
        if found.state == "authorized":
            self._take(found)
        return _report(found)

    def _void(self, payment: Attempt) -> Report:
        found = self._find(payment)
        if found is None:
            return Report(state="voided")
        if found.state in {"authorized", "challenged"}:
            found.state = "voided"
        return _report(found)

    def _refund(self, payment: Attempt, refund_id: uuid.UUID, amount_minor: int) -> Report:
        found = self._known(payment)
        if refund_id not in found.refunds:
            if amount_minor > found.captured_minor - found.refunded_minor:
                raise ProviderRefusedError("there is not so much left")
            found.refunds[refund_id] = amount_minor
        return _report(found)

    def _known(self, payment: Attempt) -> Charge:
        found = self._find(payment)
        if found is None:
            raise ProviderRefusedError("there is no such payment")
        return found

    async def _page(self, charge: Charge) -> None:
        """A shopper at the provider's page; sometimes the webhook is there before her."""
        await self._scheduler.point("reads the page")
        choice = self._chance.choice(("pays", "pays", "declined", "leaves"))
        if charge.state == "challenged" and choice != "leaves":
            if choice == "pays":
                self._pay(charge)
            else:
                charge.state = "declined"
            if self._chance.random() < 0.7:
                self._tell(charge)
        if self.come_back is not None and charge.checkout_id is not None and self._chance.random() < 0.7:
            self._enter(f"back from {charge.reference}", self.come_back(charge.checkout_id))

    def _tell(self, charge: Charge) -> None:
        """A webhook, once or twice."""
        assert self.deliver is not None
        self._count += 1
        body = msgspec.json.encode(_Told(f"evt_{self._count}", charge.attempt_id, charge.reference))
        for _ in range(self._chance.choice((1, 1, 2))):
            self._enter(f"webhook of {charge.reference}", self.deliver({_SIGNATURE: _SECRET}, body))


def _report(charge: Charge) -> Report:
    is_held = charge.state in {"authorized", "captured"}
    report = Report(
        state=charge.state,
        reference=charge.reference,
        authorized_minor=charge.amount_minor if is_held else 0,
        captured_minor=charge.captured_minor,
        refunded_minor=charge.refunded_minor,
    )
    if charge.state == "challenged":
        return replace(report, action_url=f"https://provider.example/{charge.reference}")
    return replace(report, reason="card_declined") if charge.state == "declined" else report
