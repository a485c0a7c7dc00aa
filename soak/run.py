"""Shopping under faults: one fault after the other, and after each the books are checked."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable, Iterator

from soak import books
from soak.acts import any_act
from soak.faults import FAULTS, KINDS, Fault, of_kind
from soak.report import Struck
from soak.shopper import BrokenPromiseError, GaveUpError, Shopper
from soak.world import World

#: Service must be back within this.
RECOVERY_MAX_S = 10.0
_GIVE_UP_S = 60.0
_UNDER_LOAD_S = (0.2, 0.8)


def planned(seed: str, kinds: Iterable[str] = KINDS) -> Iterator[Fault]:
    """Faults without end: each kind as often as any other, each fault of a kind in turn, in an order by the seed."""
    order = random.Random(f"{seed}/faults")
    chosen = [list(of_kind(kind)) for kind in kinds]
    round_number = 0
    while True:
        turn = [faults[round_number % len(faults)] for faults in chosen]
        order.shuffle(turn)
        yield from turn
        round_number += 1


class Crowd:
    """The shoppers of a world. Who gave up on a request is remembered, and a new one takes the place."""

    def __init__(self, world: World, count: int) -> None:
        self.world = world
        self.shoppers: list[Shopper] = []
        self.gone: list[Shopper] = []
        self._count = count
        self._numbers = 0
        self._tasks: dict[asyncio.Task[None], Shopper] = {}

    @contextlib.asynccontextmanager
    async def shopping(self) -> AsyncIterator[Crowd]:
        """The crowd, shopping, until the block ends."""
        self.world.street.is_open.set()
        for _ in range(self._count):
            self._send_in()
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for shopper in [*self.shoppers, *self.gone]:
                await shopper.close()

    async def all_served_since(self, moment: float) -> float:
        """Return when everybody has been answered on a request made since, with the moment at which it was so."""
        async with asyncio.timeout(_GIVE_UP_S):
            while True:
                self._look_after()
                if all(shopper.served_at >= moment for shopper in self.shoppers):
                    return asyncio.get_running_loop().time()
                await asyncio.sleep(0.005)

    async def stand_still(self) -> None:
        """Let everybody finish what they are at, and begin nothing new."""
        self.world.street.is_open.clear()
        async with asyncio.timeout(_GIVE_UP_S):
            while True:
                self._look_after()
                if not any(shopper.is_busy for shopper in self.shoppers):
                    return
                await asyncio.sleep(0.005)

    def go_on(self) -> None:
        self.world.street.is_open.set()

    def _send_in(self) -> None:
        shopper = Shopper(self.world.street, self._numbers)
        self._numbers += 1
        self.shoppers.append(shopper)
        self._tasks[asyncio.create_task(shopper.live(any_act))] = shopper

    def _look_after(self) -> None:
        """Replace who has given up; raise what else has ended a shopper."""
        for task in [task for task in self._tasks if task.done()]:
            shopper = self._tasks.pop(task)
            self.shoppers.remove(shopper)
            self.gone.append(shopper)
            if not isinstance(task.exception(), GaveUpError):
                task.result()
            self._send_in()


async def strike(
    crowd: Crowd, fault: Fault, draw: random.Random, number: int, recovery_max_s: float = RECOVERY_MAX_S
) -> Struck:
    """Let one thing break under load, wait until everybody is served again, and check the books."""
    world, loop = crowd.world, asyncio.get_running_loop()
    await asyncio.sleep(draw.uniform(*_UNDER_LOAD_S))
    findings: list[str] = []
    surprises = len(world.street.surprises)
    ended_at = whole_at = served_at = loop.time()
    try:
        ended_at = await fault.strike(world, draw)
        whole_at = await world.whole()
        served_at = await crowd.all_served_since(whole_at)
        await crowd.stand_still()
        findings += await books.faults(world.url, [*crowd.shoppers, *crowd.gone], world.opening_stock)
    except (BrokenPromiseError, TimeoutError) as broken:
        findings.append(str(broken) or f"no service within {_GIVE_UP_S:g} s")
    findings += [f"answered 500: {text}" for text in world.street.surprises[surprises:]]
    recovery_s = served_at - ended_at
    if recovery_s > recovery_max_s:
        findings.append(f"service returned after {recovery_s:.1f} s")
    crowd.go_on()
    whole_s = max(0.0, whole_at - ended_at)
    return Struck(number, fault.kind, fault.name, round(recovery_s, 3), findings, round(whole_s, 3))


__all__ = ["FAULTS", "RECOVERY_MAX_S", "Crowd", "planned", "strike"]
