"""The ways in which things break. Each answers the moment from which the shop has no more excuse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import psutil

from soak.proxy import Commit, Proxy
from soak.world import World

Break = Callable[[World, random.Random], Awaitable[float]]
_HOLE_S = 1.0
_SLOW_FOR_S, _SLOW_BY_S = 1.0, 0.02
_HIT_WITHIN_S = 3.0
_FULL_S = 1.5


@dataclass(frozen=True)
class Fault:
    """Something that breaks: its kind, what exactly, and how."""

    kind: str
    name: str
    strike: Break


def _now() -> float:
    return asyncio.get_running_loop().time()


async def kill_worker(world: World, random: random.Random) -> float:
    server = random.choice(world.servers)
    workers = server.workers
    if workers:
        _kill(random.choice(workers), signal.SIGKILL)
    return _now()


async def kill_server(which: int, world: World, random: random.Random) -> float:
    _kill(world.servers[which].process, signal.SIGKILL)
    return _now()


async def stop_postgres(how: signal.Signals, world: World, random: random.Random) -> float:
    postmaster = world.postmaster()
    if postmaster is not None:
        _kill(postmaster, how)
    return _now()


async def kill_backend(world: World, random: random.Random) -> float:
    backends = world.backends()
    if backends:
        _kill(random.choice(backends), signal.SIGKILL)
    return _now()


async def cut(of: Callable[[World, random.Random], Proxy], world: World, random: random.Random) -> float:
    of(world, random).cut()
    return _now()


async def half_open(of: Callable[[World, random.Random], Proxy], world: World, random: random.Random) -> float:
    of(world, random).lose()
    return _now()


async def black_hole(of: Callable[[World, random.Random], Proxy], world: World, random: random.Random) -> float:
    line = of(world, random)
    line.stop()
    await asyncio.sleep(_HOLE_S * (0.5 + random.random()))
    line.resume()
    return _now()


async def slow(of: Callable[[World, random.Random], Proxy], world: World, random: random.Random) -> float:
    line = of(world, random)
    line.slow_s = _SLOW_BY_S
    await asyncio.sleep(_SLOW_FOR_S)
    line.slow_s = 0.0
    return _now()


async def mid_answer(of: Callable[[World, random.Random], Proxy], world: World, random: random.Random) -> float:
    line = of(world, random)
    hits, line.next_answer = line.hits, "cut"
    await _hit(line, hits)
    return _now()


async def no_answer(of: Callable[[World, random.Random], Proxy], world: World, random: random.Random) -> float:
    line = of(world, random)
    hits, line.next_answer = line.hits, "lose"
    await _hit(line, hits)
    return _now()


async def at_commit(how: Commit, world: World, random: random.Random) -> float:
    line = world.database_line
    hits, line.next_commit = line.hits, how
    await _hit(line, hits)
    return _now()


async def fill_disk(world: World, random: random.Random, *, with_log: bool) -> float:
    """For a while nothing can be written; `with_log` uses up the write-ahead log, which stops PostgreSQL."""
    world.volume.fill(world.postgres_processes())
    try:
        if with_log:
            # Each begins another file of it; there are but a few to spare.
            for _ in range(6):
                if not await asyncio.to_thread(world.as_superuser, "select pg_switch_wal()"):
                    break
                await asyncio.sleep(0.02)
        await asyncio.sleep(_FULL_S * (0.5 + random.random()))
    finally:
        world.volume.free(world.postgres_processes())
    return _now()


def _kill(process: psutil.Process, how: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)


async def _hit(line: Proxy, before: int) -> None:
    """Return when it has struck; without traffic there is nothing to strike."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HIT_WITHIN_S):
            while line.hits == before:  # noqa: ASYNC110 # the proxy tells nobody, and need not
                await asyncio.sleep(0.005)
    line.next_commit = line.next_answer = None


def _shop(world: World, random: random.Random) -> Proxy:
    return random.choice(world.lines)


def _database(world: World, random: random.Random) -> Proxy:
    return world.database_line


FAULTS: tuple[Fault, ...] = (
    Fault("process", "kill -9 of a worker", kill_worker),
    Fault("process", "kill -9 of the server with the database", partial(kill_server, 0)),
    Fault("process", "kill -9 of the server without", partial(kill_server, 1)),
    Fault("postgres", "immediate stop", partial(stop_postgres, signal.SIGQUIT)),
    Fault("postgres", "kill -9", partial(stop_postgres, signal.SIGKILL)),
    Fault("postgres", "kill -9 of a backend", kill_backend),
    Fault("commit", "the request is dropped", partial(at_commit, "drop request")),
    Fault("commit", "the answer is dropped", partial(at_commit, "drop answer")),
    Fault("commit", "the answer never comes", partial(at_commit, "lose answer")),
    Fault("database line", "reset", partial(cut, _database)),
    Fault("database line", "reset in an answer", partial(mid_answer, _database)),
    Fault("database line", "half-open", partial(half_open, _database)),
    Fault("database line", "black hole", partial(black_hole, _database)),
    Fault("database line", "slow", partial(slow, _database)),
    Fault("shop line", "reset", partial(cut, _shop)),
    Fault("shop line", "reset in an answer", partial(mid_answer, _shop)),
    Fault("shop line", "no answer", partial(no_answer, _shop)),
    Fault("shop line", "half-open", partial(half_open, _shop)),
    Fault("shop line", "black hole", partial(black_hole, _shop)),
    Fault("shop line", "slow", partial(slow, _shop)),
    Fault("disk", "full", partial(fill_disk, with_log=False)),
    Fault("disk", "full, and PostgreSQL's log as well", partial(fill_disk, with_log=True)),
)
KINDS = tuple(dict.fromkeys(fault.kind for fault in FAULTS))


def of_kind(kind: str) -> tuple[Fault, ...]:
    """The faults of one kind."""
    return tuple(fault for fault in FAULTS if fault.kind == kind)
