"""Natural batching: requests that wait while a statement is under way share the next one.

An idle service adds no delay: a request that finds a free lane is sent in the same turn of the event loop. A crowded
one lets those whom it has just answered come along: a lane whose batch had company waits until most of those who were
in it or behind it are there again, for half of the time that it took and 5 ms at most. What a batch costs whatever its
size is then paid half as often, and clients do not fall apart into two halves that wait for each other.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

# How many make a crowd; what part of it is waited for; and how long: a part of what the batch took, at most so much.
_CROWD = 4
_CROWD_SHARE = 0.8
_PATIENCE_SHARE = 0.5
_PATIENCE_MAX_S = 0.005


class Batcher(Generic[Request, Answer]):
    """Gathers requests and hands them to `run`, which answers each by position.

    Two requests with one key (a cart) never share a batch, nor are they under way at once: the later waits.
    When `run` raises for a batch of several, each member is run alone, so that one bad request harms no other.
    A caller who goes away cancels nobody's work but its own waiting.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Request]], Awaitable[Sequence[Answer]]],
        *,
        size_max: int,
        lanes: int,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self._run = run
        self._size_max = size_max
        self._free_lanes = lanes
        self._is_dispatching = False
        self._on_batch = on_batch
        self._waiting: collections.deque[tuple[Hashable, Request, asyncio.Future[Answer]]] = collections.deque()
        self._busy: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # While a lane waits for its crowd: how many would do, and the end of its patience. Other lanes wait for nobody.
        self._expected = 0
        self._patience: asyncio.TimerHandle | None = None

    async def submit(self, key: Hashable, request: Request) -> Answer:
        """Wait for the answer to this request; raises what its run raised."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, request, future))
        if not self._is_dispatching and (self._free_lanes or self._is_crowd_back):
            # After all that this turn of the loop has read from its sockets, so that one batch takes it all.
            self._is_dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)
        return await future

    async def drain(self) -> None:
        """Return when everything submitted so far has been answered."""
        while self._tasks or self._waiting:
            self._lose_patience()
            if self._tasks:
                await asyncio.wait(set(self._tasks))
            else:
                await asyncio.sleep(0)

    @property
    def _is_crowd_back(self) -> bool:
        return self._patience is not None and len(self._waiting) >= self._expected

    def _lose_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
            self._free_lanes += 1
            self._dispatch()

    def _dispatch(self) -> None:
        self._is_dispatching = False
        if self._is_crowd_back:
            self._lose_patience()
            return
        while self._free_lanes and (batch := self._next_batch()):
            self._free_lanes -= 1
            task = asyncio.get_running_loop().create_task(self._serve(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next_batch(self) -> list[tuple[Hashable, Request, asyncio.Future[Answer]]]:
        batch: list[tuple[Hashable, Request, asyncio.Future[Answer]]] = []
        later: list[tuple[Hashable, Request, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._size_max:
            item = self._waiting.popleft()
            if item[2].cancelled():
                continue
            if item[0] in self._busy:
                later.append(item)
            else:
                self._busy.add(item[0])
                batch.append(item)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _serve(self, batch: list[tuple[Hashable, Request, asyncio.Future[Answer]]]) -> None:
        if self._on_batch is not None:
            self._on_batch(len(batch))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            await self._answer(batch)
        finally:
            self._busy.difference_update(key for key, _, _ in batch)
            crowd = len(batch) + len(self._waiting)
            expected = min(int(crowd * _CROWD_SHARE), self._size_max)
            if crowd >= _CROWD and len(self._waiting) < expected and self._patience is None:
                self._expected = expected
                patience_s = min((loop.time() - begun) * _PATIENCE_SHARE, _PATIENCE_MAX_S)
                self._patience = loop.call_later(patience_s, self._lose_patience)
            else:
                self._free_lanes += 1
                self._dispatch()

    async def _answer(self, batch: list[tuple[Hashable, Request, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._run([request for _, request, _ in batch])
        except Exception as error:  # noqa: BLE001 # handed to the callers, whose error it is
            if len(batch) > 1:
                # At once, so that one who waits for a lock until time-out does not make all others wait as long.
                await asyncio.gather(*(self._answer([item]) for item in batch))
            elif not batch[0][2].done():
                batch[0][2].set_exception(error)
            return
        for (_, _, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
