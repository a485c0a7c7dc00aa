"""Ids and secrets from a seed, and waiting without a clock, for as long as a play lasts.

The order of ids is an order of locks; and how often somebody looks while he waits must not hang on the machine.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
from collections.abc import Iterator
from typing import Any

from pannier.checkout.completion import runner
from pannier.kernel import ids
from pannier.platform import idempotency
from soak.simulation.scheduler import Scheduler, acting

_BEGINNING_NS = 1_800_000_000_000_000_000
_STEP_NS = 1_000_000


class _Secrets:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def token_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)

    def token_hex(self, count: int) -> str:
        return self._chance.randbytes(count).hex()

    def token_urlsafe(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._chance.randbytes(count)).rstrip(b"=").decode()

    def randbits(self, count: int) -> int:
        return self._chance.getrandbits(count)


class _Time:
    def __init__(self) -> None:
        self._now = _BEGINNING_NS

    def time_ns(self) -> int:
        self._now += _STEP_NS
        return self._now


@contextlib.contextmanager
def ids_of(seed: str) -> Iterator[None]:
    """All ids and secrets that are made meanwhile are those of the seed."""
    before = {name: getattr(ids, name) for name in ("secrets", "time")}
    setattr(ids, "secrets", _Secrets(random.Random(f"{seed}/ids")))  # noqa: B010 # a module has no such setter
    setattr(ids, "time", _Time())  # noqa: B010 # the same
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(ids, name, value)


# Who waits looks again when it is his turn, and has waited for so long by then.
_NAP_S = 50.0


class _Waiting:
    """`asyncio` with a time that goes by only for those who sleep, which is to let others go first."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        actor = acting()
        if actor is None:
            await asyncio.sleep(delay)
            return
        actor.waited_s += _NAP_S
        await self._scheduler.point("sleeps")

    def get_running_loop(self) -> _Waiting:
        return self

    def time(self) -> float:
        actor = acting()
        return asyncio.get_running_loop().time() if actor is None else actor.waited_s


@contextlib.contextmanager
def waiting_of(scheduler: Scheduler) -> Iterator[None]:
    """Whoever waits in a completion does so without a clock."""
    modules: tuple[Any, ...] = (runner, idempotency)
    for module in modules:
        module.asyncio = _Waiting(scheduler)
    try:
        yield
    finally:
        for module in modules:
            module.asyncio = asyncio
