"""Shoppers who all want something at the same moment, and the server processes they ask.

async with crowd(200, servers) as shoppers:
    answers = await together(shopper.add(variant) for shopper in shoppers)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx

from pannier.kernel.ids import new_cart_token
from tests.support.log_watch import look_through
from tests.support.waiting import wait_until
from tests.support.warm import WarmProcess, warm

T = TypeVar("T")
_ROOT = Path(__file__).parents[2]


@dataclass
class ServerProcess:
    """One process that answers requests, on a port of its own."""

    url: str
    process: WarmProcess


@contextlib.contextmanager
def server_processes(
    directory: Path, database_url: str, count: int = 2, *, app: object = None, **settings: object
) -> Iterator[list[ServerProcess]]:
    """Real workers of the real application on one database, each with its own port. `app` names another application,
    as `module:factory`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
    environment |= {f"PANNIER_{name.upper()}": str(value) for name, value in settings.items()}
    environment["PANNIER_DATABASE_URL"] = database_url
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT / "src"), str(_ROOT)])
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(_server(directory / f"server-{n}.log", environment, app)) for n in range(count)]
        for server in servers:
            wait_until(lambda server=server: _answers(server), 90)  # type: ignore[misc]  # bound early on purpose
        yield servers


@contextlib.contextmanager
def _server(log: Path, environment: dict[str, str], app: object) -> Iterator[ServerProcess]:
    with socket.socket() as listener, log.open("wb") as output:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        arguments = ["--fd", "3", *(() if app is None else ("--app", str(app)))]
        with Path(os.devnull).open("rb") as nothing:
            given = (nothing.fileno(), output.fileno(), output.fileno(), listener.fileno())
            process = warm().start("worker", arguments, environment, log.parent, *given)
    try:
        yield ServerProcess(url, process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        look_through(log, "a worker")


def _answers(server: ServerProcess) -> bool:
    assert server.process.poll() is None, "the server has ended"
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{server.url}/health/live", timeout=5).status_code == 200
    return False


class Shopper:
    """A client with a cart token of its own, or somebody else's when it is a second device."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self.http = http
        self.token = token or new_cart_token()

    async def send(
        self, method: str, path: str, body: object = None, *, key: str | None = None, if_match: int | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return await self.http.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def add(self, variant: UUID, quantity: int = 1, *, key: str | None = None) -> httpx.Response:
        return await self.send("POST", "/cart/items", {"variant_id": str(variant), "quantity": quantity}, key=key)

    async def add_all(
        self, items: Sequence[tuple[UUID, int]], *, atomic: bool = True, key: str | None = None
    ) -> httpx.Response:
        wanted = [{"variant_id": str(variant), "quantity": quantity} for variant, quantity in items]
        return await self.send("POST", "/cart/bulk/items", {"items": wanted, "atomic": atomic}, key=key)

    async def set(self, item_id: str, quantity: int) -> httpx.Response:
        return await self.send("PATCH", f"/cart/items/{item_id}", {"quantity": quantity})

    async def clear(self) -> httpx.Response:
        return await self.send("DELETE", "/cart")

    async def cart(self) -> dict[str, Any]:
        answer = await self.send("GET", "/cart")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextlib.asynccontextmanager
async def crowd(
    count: int, servers: Sequence[ServerProcess], *, token: str | None = None
) -> AsyncIterator[list[Shopper]]:
    """`count` shoppers, spread evenly over the servers; with a token they are devices of one shopper."""
    limits = httpx.Limits(max_connections=count)
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60))
            for server in servers
        ]
        yield [Shopper(clients[n % len(clients)], token) for n in range(count)]


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Begin them all before the first one goes on, and wait for every answer."""
    start = asyncio.Event()

    async def run(coroutine: Coroutine[Any, Any, T]) -> T:
        await start.wait()
        return await coroutine

    tasks = [asyncio.create_task(run(coroutine)) for coroutine in coroutines]
    start.set()
    return await asyncio.gather(*tasks)


def outcomes(answers: Iterable[httpx.Response]) -> Counter[str]:
    """How often each outcome came: OK, or the name of the error."""
    return Counter("OK" if answer.status_code == 200 else str(answer.json()["error"]) for answer in answers)
