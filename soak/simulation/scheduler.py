"""Actors that stop before whatever another one could see or change, and one of them at a time going on.

An actor is a task. It stops at a `point`: before every statement, after every commit, before and after every call of
a provider, which are all the places at which it would let others run anyway. When all have stopped, chance says who
goes on, and the others stand still until that one has stopped again or has ended. Who needs a lock that another one has
is not drawn until somebody has let go of something. The database does the same things in the same order then, whatever
the machine is busy with, so a seed is a run that can be had again.

Chance also says who dies at a point: nothing of a dead actor is carried out any more, what its transactions had done is
undone, and whoever was served by it may ask somebody else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

import asyncpg

Act = Callable[[], Awaitable[None]]

#: Nobody stands still for so long but for a fault of the simulation's own.
_STUCK_S = 30.0


class CrashedError(BaseException):
    """Raised in whoever is dead and tries to go on; nothing may catch it, as nothing survives a killed process."""


class StuckError(Exception):
    """Nobody goes on, and nobody is at the end."""


@dataclass(eq=False)
class Actor:
    """Somebody who acts. `reborn` is what is done in his place when he has died; None for one who cannot die."""

    name: str
    reborn: Callable[[], None] | None
    task: asyncio.Task[None] | None = None
    #: Where he has stopped, and what lets him go on.
    label: str = ""
    turn: asyncio.Future[None] | None = None
    is_over: bool = False
    is_dead: bool = False
    #: Whether he needs a lock that somebody else had when he tried last.
    is_waiting: bool = False
    #: For how long he has waited in all, by no clock.
    waited_s: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether he has been let go on, and has not stopped since."""
        return self.turn is None and not self.is_over


_acting: ContextVar[Actor | None] = ContextVar("_acting", default=None)


def acting() -> Actor | None:
    """Who it is that runs; None outside of a simulation."""
    return _acting.get()


class Scheduler:
    """Lets one actor at a time go on.

    `deaths`: how many may die at most, each at a point with the likelihood of `mortality`. `bury` undoes what a dead
    actor has begun.
    """

    def __init__(
        self,
        chance: random.Random,
        bury: Callable[[Actor], Awaitable[None]],
        *,
        deaths: int = 0,
        mortality: float = 0.0,
    ) -> None:
        self._chance = chance
        self._bury = bury
        self._deaths = deaths
        self._mortality = mortality
        self._actors: list[Actor] = []
        self._stopped = asyncio.Event()
        #: Who did what, in its order.
        self.trace: list[str] = []
        #: What nobody was there to catch.
        self.failures: list[tuple[str, BaseException]] = []

    def enter(self, name: str, act: Act, reborn: Callable[[], None] | None = None) -> None:
        """Somebody comes in; he begins when it is his turn."""
        actor = Actor(name, reborn)
        self._actors.append(actor)
        actor.task = asyncio.get_running_loop().create_task(self._live(actor, act))

    async def point(self, label: str) -> None:
        """Stop until it is one's turn again. Raises CrashedError in whoever died meanwhile."""
        actor = _acting.get()
        if actor is None:
            return
        if actor.is_dead:
            raise CrashedError
        actor.label = label
        actor.turn = asyncio.get_running_loop().create_future()
        self._stopped.set()
        await actor.turn

    async def wait(self, label: str) -> None:
        """Stop until somebody has let go of a lock. Raises DeadlockDetectedError in whoever is chosen when all wait."""
        actor = _acting.get()
        assert actor is not None
        actor.is_waiting = True
        await self.point(label)
        if actor.is_waiting:
            actor.is_waiting = False
            raise asyncpg.DeadlockDetectedError("everybody waits for somebody")

    def let_go(self) -> None:
        """Locks may be free now: whoever waits for one may try again."""
        for actor in self._actors:
            actor.is_waiting = False

    async def run(self) -> None:
        """Until everybody is at the end. Raises StuckError."""
        while True:
            await self._stand_still()
            standing = [actor for actor in self._actors if actor.turn is not None]
            if not standing:
                return
            # Where all wait for each other, the database ends one of them.
            actor = self._chance.choice([actor for actor in standing if not actor.is_waiting] or standing)
            if self._is_fatal(actor):
                await self._kill(actor)
            else:
                self.trace.append(f"{actor.name}: {actor.label}")
                turn, actor.turn = actor.turn, None
                assert turn is not None
                turn.set_result(None)

    async def end(self) -> None:
        """Let nobody go on any more, wherever he stands."""
        for actor in self._actors:
            actor.is_dead, turn = True, actor.turn
            if turn is not None:
                turn.cancel()
            if actor.task is not None:
                actor.task.cancel()
            await self._bury(actor)
        tasks = {actor.task for actor in self._actors if actor.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=_STUCK_S)

    async def _live(self, actor: Actor, act: Act) -> None:
        _acting.set(actor)
        try:
            await self.point("enters")
            await act()
        except (CrashedError, asyncio.CancelledError):
            if not actor.is_dead:
                raise
        except Exception as failure:  # noqa: BLE001 # told with the seed that made it
            self.failures.append((actor.name, failure))
        finally:
            actor.is_over, actor.turn = True, None
            self._stopped.set()

    def _is_fatal(self, actor: Actor) -> bool:
        if actor.reborn is None or self._deaths <= 0:
            return False
        return self._chance.random() < self._mortality

    async def _kill(self, actor: Actor) -> None:
        self._deaths -= 1
        self.trace.append(f"{actor.name}: dies at {actor.label}")
        turn, actor.turn, actor.is_dead = actor.turn, None, True
        await self._bury(actor)
        assert turn is not None
        # Whatever works for him, and not he himself, may be what has stopped.
        turn.cancel()
        assert actor.task is not None
        actor.task.cancel()
        await asyncio.wait({actor.task})
        self._actors.remove(actor)
        assert actor.reborn is not None
        actor.reborn()

    async def _stand_still(self) -> None:
        """Return when nobody goes on any more."""
        deadline = asyncio.get_running_loop().time() + _STUCK_S
        while True:
            self._stopped.clear()
            self._actors = [actor for actor in self._actors if not actor.is_over]
            moving = [actor for actor in self._actors if actor.goes_on]
            if not moving:
                return
            try:
                async with asyncio.timeout_at(deadline):
                    await self._stopped.wait()
            except TimeoutError:
                raise StuckError(", ".join(f"{actor.name} after {actor.label}" for actor in moving)) from None
