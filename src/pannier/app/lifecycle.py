"""Starting and stopping one application, whoever hosts it.

Services live in a task of their own (the keeper), which opens them, runs the background jobs and
closes everything in the end. So it does not matter who starts it: the lifespan of our own server,
`lifespan_of` in a host's lifespan, or, because Starlette does not run the lifespan of a mounted
application, the first request. In that last case the keeper ends when the event loop cancels its
tasks at the end of the host, and closes the services then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.observability.context import correlation_id
from pannier.platform.observability.metrics import Metrics
from pannier.platform.problems import ShuttingDownError
from pannier.platform.web import Gate

S = TypeVar("S")

JOB_RESTART_S_MIN = 1.0
JOB_RESTART_S_MAX = 30.0

_logger = logging.getLogger("pannier.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """A coroutine function that runs as long as the application does; started again when it fails."""

    name: str
    run: Callable[[], Awaitable[None]]


def periodic(name: str, interval_s: float, action: Callable[[], Awaitable[object]], metrics: Metrics) -> Job:
    """A job that calls `action` every `interval_s` seconds and books each run under `job_runs`."""
    done = metrics.job_runs.labels(name, "done")

    async def run() -> None:
        while True:
            await action()
            done.inc()
            await asyncio.sleep(interval_s)

    return Job(name, run)


class Lifecycle(Generic[S]):
    """`open_services` makes the services when entered and closes them when left; `jobs` are run between.

    It may be started again after `stop`, which tests and development servers do.
    """

    def __init__(
        self,
        open_services: Callable[[], AbstractAsyncContextManager[S]],
        jobs: Callable[[S], Sequence[Job]],
        metrics: Metrics,
        *,
        drain_timeout_s: float,
    ) -> None:
        self.gate = Gate(self._open_for_request)
        self.is_draining = False
        self.services: S | None = None
        self._open_services = open_services
        self._jobs = jobs
        self._metrics = metrics
        self._drain_timeout_s = drain_timeout_s
        self._by_type: dict[type[Any], Any] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._stopping: asyncio.Event | None = None
        self._is_stopped = False

    def provide(self, kind: type[Any]) -> Any:
        """The service of that type or of a subclass of it; LookupError when there is none."""
        try:
            return self._by_type[kind]
        except KeyError:
            raise LookupError(f"this application has no {kind.__name__}") from None

    async def start(self) -> None:
        """Open the services, once however many ask at a time. Raises what opening raised; then try again."""
        self._is_stopped = False
        await self._start()

    async def _open_for_request(self) -> None:
        # After a stop a straggler must not bring everything back to life.
        if self._is_stopped:
            raise ShuttingDownError("This server is shutting down. Try again.")
        await self._start()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._opened is None or self._opened.get_loop() is not loop:
            self._opened = loop.create_future()
            self._stopping = asyncio.Event()
            # An empty context: jobs must not run under the request id of whoever came first.
            self._keeper = loop.create_task(self._keep(self._opened, self._stopping), context=Context())
        # Shielded: the first client may hang up, and the others wait for the same start.
        await asyncio.shield(self._opened)

    def begin_drain(self) -> None:
        """Say no to `/health/ready` from now on; requests are still answered."""
        self.is_draining = True

    async def stop(self) -> None:
        """Let the requests inside finish, then stop the jobs and close the services."""
        self.begin_drain()
        self._is_stopped = True
        if self._keeper is not None and self._stopping is not None:
            self._stopping.set()
            await self._keeper

    async def _keep(self, opened: asyncio.Future[None], stopping: asyncio.Event) -> None:
        try:
            async with self._open_services() as services:
                self._install(services)
                tasks = [asyncio.create_task(self._supervise(job)) for job in self._jobs(services)]
                self.gate.is_open = True
                opened.set_result(None)
                try:
                    await stopping.wait()
                    await self._drain()
                finally:
                    self.gate.is_open = False
                    await _cancel(tasks)
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)
            # Retrieved here, so that a start whose client went away is not reported as forgotten.
            opened.exception()
        finally:
            if not opened.done():
                opened.cancel()
            self.services, self._by_type = None, {}
            self._opened = None

    def _install(self, services: S) -> None:
        self.is_draining = False
        self.services = services
        values = [
            services,
            *(getattr(services, name) for name in getattr(services, "__dataclass_fields__", ())),
        ]
        for value in reversed(values):
            for kind in type(value).__mro__[:-1]:
                self._by_type[kind] = value

    async def _drain(self) -> None:
        if not await self.gate.drained(self._drain_timeout_s):
            _logger.warning("closing with %d requests unanswered", self.gate.in_flight)

    async def _supervise(self, job: Job) -> None:
        correlation_id.set(f"job:{job.name}")
        wait_s = JOB_RESTART_S_MIN
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await job.run()
            except Exception as error:
                if asyncio.get_running_loop().time() - began > JOB_RESTART_S_MAX:
                    # It had been well for a while, so this is a new trouble and not the old one.
                    wait_s = JOB_RESTART_S_MIN
                self._metrics.job_runs.labels(job.name, "failed").inc()
                if isinstance(error, PannierError) and error.kind is ErrorKind.unavailable:
                    # Nothing is wrong with the job, and the line before this one says what is.
                    _logger.warning("job %s waits %g s: %s", job.name, wait_s, error.error)
                else:
                    _logger.exception("job %s failed, again in %g s", job.name, wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, JOB_RESTART_S_MAX)
            else:
                return


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
