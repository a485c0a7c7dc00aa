"""The smallest application a worker can run, which keeps a journal of what it did.

POST /take/ID        takes a few milliseconds, answers ID in two pieces, and journals both ends
GET  /slow/SECONDS   takes that long
GET  /worker         {"pid": ..., "metrics": ..., "grace": ...} of the process that answers
GET  /die            ends the process without an answer
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.settings import Settings
from tests.support.web import EdgeApp, hot_route

JOURNAL_VARIABLE = "SMALL_SHOP_JOURNAL"
Messages = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def make(settings: Settings) -> SmallShop:
    return SmallShop(settings)


def make_broken(settings: Settings) -> SmallShop:
    raise RuntimeError(f"the shop on port {settings.port} is broken")


def make_counted(settings: Settings) -> EdgeApp:
    """The same behind the edge, which counts and limits its requests."""
    shop = SmallShop(settings)

    async def worker(request: HotRequest) -> HotResponse:
        return HotResponse(shop.figures())

    return EdgeApp([hot_route("GET", "/worker", worker)], settings=settings)


def make_without_a_module(_: Settings) -> SmallShop:
    importlib.import_module("a_module_that_nobody_installed")
    raise AssertionError("it was found")


def make_on_a_full_disk(_: Settings) -> SmallShop:
    # Linux has a device that is always full.
    Path("/dev/full").write_text("a line")
    raise AssertionError("it was written")


def make_without_memory(_: Settings) -> SmallShop:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it was not killed")


class SmallShop:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._journal = Path(os.environ[JOURNAL_VARIABLE])

    async def __call__(self, scope: dict[str, Any], receive: Messages, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        _, action, *rest = scope["path"].split("/")
        body = b"?"
        if action == "take":
            await receive()
            self._write(f"begin {rest[0]}")
            await asyncio.sleep(0.01)
            body = rest[0].encode()
            self._write(f"done {rest[0]}")
        elif action == "slow":
            self._write("begin slow")
            await asyncio.sleep(float(rest[0]))
            body = b"slow"
        elif action == "die":
            os._exit(9)
        elif action == "worker":
            body = self.figures()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})

    def figures(self) -> bytes:
        """Which process this is, and what it was started with."""
        return json.dumps(
            {
                "pid": os.getpid(),
                "metrics": os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
                "grace": self._settings.shutdown_grace_s,
                "database": self._settings.database_url,
            }
        ).encode()

    async def _lifespan(self, receive: Messages, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._write("closed")
        await send({"type": "lifespan.shutdown.complete"})

    def _write(self, line: str) -> None:
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
