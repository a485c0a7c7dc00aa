"""Connections to the database that let others go first: before each statement, and after what cannot be undone.

Nobody waits inside the database, where which of several who wait goes on first would be the machine's choice. A
statement that comes upon a lock of somebody who stands still is undone at once, and made again when somebody has let go
of something, by who then is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import asyncpg

from pannier.platform.database import Connection, Pool
from soak.simulation.scheduler import Actor, CrashedError, Scheduler, acting

T = TypeVar("T")
_LABEL_CHARS = 60


class Line:
    """A connection as an actor has it. Dead actors have none; nobody else's stops."""

    def __init__(self, raw: Connection, scheduler: Scheduler, actor: Actor | None, losses: Losses) -> None:
        self.raw = raw
        self.actor = actor
        self._scheduler = scheduler
        self.losses = losses
        #: Transactions and savepoints that are open, the outermost first.
        self.open: list[Any] = []

    async def fetch(self, query: str, *values: Any, **options: Any) -> Any:
        return await self._do(query, lambda: self.raw.fetch(query, *values, **options))

    async def fetchrow(self, query: str, *values: Any, **options: Any) -> Any:
        return await self._do(query, lambda: self.raw.fetchrow(query, *values, **options))

    async def fetchval(self, query: str, *values: Any, **options: Any) -> Any:
        return await self._do(query, lambda: self.raw.fetchval(query, *values, **options))

    async def execute(self, query: str, *values: Any, **options: Any) -> Any:
        return await self._do(query, lambda: self.raw.execute(query, *values, **options))

    async def executemany(self, query: str, values: Any, **options: Any) -> Any:
        return await self._do(query, lambda: self.raw.executemany(query, values, **options))

    def transaction(self, **options: Any) -> _Transaction:
        return _Transaction(self, options)

    def is_in_transaction(self) -> bool:
        return self.raw.is_in_transaction()

    def terminate(self) -> None:
        """The database is on this machine, and nobody is hurried: there is nothing to give up on."""

    async def point(self, label: str) -> None:
        """Let others go first."""
        if self.actor is not None:
            await self._scheduler.point(label)
            self.require_life()

    def let_go(self) -> None:
        """Locks may be free now: whoever waits for one tries again."""
        self._scheduler.let_go()

    def require_life(self) -> None:
        """Raise CrashedError for the dead."""
        if self.actor is not None and self.actor.is_dead:
            raise CrashedError

    async def _do(self, query: str, call: Callable[[], Awaitable[T]]) -> T:
        label = " ".join(query.split())[:_LABEL_CHARS]
        await self.point(label)
        found = await self._got(label, call)
        if not self.raw.is_in_transaction():
            self.let_go()
            await self.point(f"after {label}")
        return found

    async def _got(self, label: str, call: Callable[[], Awaitable[T]]) -> T:
        """What the call answers, as soon as the locks that it needs are nobody else's."""
        while True:
            try:
                return await self._tried(call)
            except asyncpg.LockNotAvailableError:
                if self.actor is None:
                    raise
            await self._scheduler.wait(f"waits for a lock: {label}")
            self.require_life()

    async def _tried(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call answers. Where a lock is somebody's it has changed nothing, and can be made again."""
        if not self.raw.is_in_transaction():
            return await call()
        await self.raw.execute("savepoint tried")
        try:
            found = await call()
        except asyncpg.LockNotAvailableError:
            await self.raw.execute("rollback to savepoint tried")
            raise
        await self.raw.execute("release savepoint tried")
        return found


class Losses:
    """How often the line is lost at a commit, so that nobody is told whether it was one."""

    def __init__(self, chance: random.Random, count: int, likelihood: float) -> None:
        self._chance = chance
        self._count = count
        self._likelihood = likelihood

    def strike(self) -> bool | None:
        """None for no loss; else whether the commit had arrived."""
        if self._count <= 0 or self._chance.random() >= self._likelihood:
            return None
        self._count -= 1
        return self._chance.random() < 0.5


class _Transaction:
    """As asyncpg's: a transaction, or a savepoint within one."""

    def __init__(self, line: Line, options: dict[str, Any]) -> None:
        self._line = line
        self._options = options
        self._inner: Any = None
        self._is_outermost = False

    async def __aenter__(self) -> None:
        self._is_outermost = not self._line.raw.is_in_transaction()
        await self._line.point("begin" if self._is_outermost else "savepoint")
        self._inner = self._line.raw.transaction(**self._options)
        await self._inner.start()
        self._line.open.append(self._inner)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.require_life()
        if kind is None:
            await self._line.point("commit" if self._is_outermost else "release")
        self._line.open.pop()
        if kind is not None:
            await self._inner.rollback()
            self._line.let_go()
            return
        lost = self._line.losses.strike() if self._is_outermost and self._line.actor is not None else None
        if lost is False:
            await self._inner.rollback()
        else:
            await self._inner.commit()
        self._line.let_go()
        if lost is not None:
            raise asyncpg.ConnectionDoesNotExistError("the line was lost while it committed")
        if self._is_outermost:
            await self._line.point("committed")


class LinePool:
    """A pool whose connections are lines of whoever takes them."""

    def __init__(self, raw: Pool, losses: Losses) -> None:
        self._raw = raw
        self._losses = losses
        self._taken: list[Line] = []
        self.scheduler: Scheduler | None = None

    async def acquire(self) -> Line:
        assert self.scheduler is not None
        actor = acting()
        if actor is not None and actor.is_dead:
            raise CrashedError
        raw = await self._raw.acquire()
        line = Line(raw, self.scheduler, actor, self._losses)
        self._taken.append(line)
        return line

    async def release(self, line: Line) -> None:
        if line.actor is not None and line.actor.is_dead:
            return
        await self._give_back(line)

    async def expire_connections(self) -> None:
        """None of them is ever in doubt."""

    async def bury(self, actor: Actor) -> None:
        """What a dead actor had not committed is undone, as the server does when its client is gone."""
        for line in [line for line in self._taken if line.actor is actor]:
            for transaction in reversed(line.open):
                await transaction.rollback()
            await self._give_back(line)
            line.let_go()

    async def _give_back(self, line: Line) -> None:
        self._taken.remove(line)
        await self._raw.release(line.raw)
