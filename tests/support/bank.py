"""Stripe's place, as a process of its own that counts what it charges: `python -m tests.support.bank --fd N`.

with bank(directory) as stripe:                   # its settings are stripe.settings
    stripe.order(faults=["timeout after"])        # what happens to the next change
    stripe.pay(session_id)                        # a shopper pays at its page
    assert stripe.told() == {"charged": 1, "taken": 2000, "sessions": [...]}
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.fake_stripe import SECRET, FakeStripe
from tests.support.waiting import wait_until
from tests.support.warm import WarmProcess, warm

_ROOT = Path(__file__).parents[2]


@dataclass
class Bank:
    """The process, from outside."""

    url: str
    process: WarmProcess

    @property
    def settings(self) -> dict[str, object]:
        """Of a shop that is paid through it."""
        return {
            "payment_methods": json.dumps(["stripe", "invoice"]),
            "stripe_secret_key": "sk_test_of_this_test",
            "stripe_webhook_secret": SECRET,
            "stripe_api_url": self.url,
            "rate_limits": False,
        }

    def order(self, **orders: Any) -> None:
        """How it behaves from now on: `slow_s`, `faults`."""
        assert httpx.post(f"{self.url}/orders", json=orders, timeout=10).status_code == 204

    def pay(self, session_id: str) -> None:
        """A shopper pays at its page."""
        assert httpx.post(f"{self.url}/pay/{session_id}", timeout=10).status_code == 204

    def told(self) -> dict[str, Any]:
        """What it has done: charged (how often), taken (how much, less what was given back), held (authorised, and
        neither taken nor let go of), refunds (how many), sessions, asked."""
        found: dict[str, Any] = httpx.get(f"{self.url}/told", timeout=10).json()
        return found


@contextlib.contextmanager
def bank(directory: Path) -> Iterator[Bank]:
    """A new one, on a port of its own."""
    with socket.socket() as listener, (directory / "bank.log").open("wb") as log:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Path(os.devnull).open("rb") as nothing:
            given = (nothing.fileno(), log.fileno(), log.fileno(), listener.fileno())
            process = warm().start("bank", ["--fd", "3"], os.environ, directory, *given)
    try:
        wait_until(lambda: _answers(url, process), 30)
        yield Bank(url, process)
    finally:
        process.kill()
        process.wait()


def _answers(url: str, process: WarmProcess) -> bool:
    assert process.poll() is None, "the bank has ended"
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/told", timeout=5).status_code == 200
    return False


def _application() -> Any:
    fake = FakeStripe()
    app = fake.app()

    async def orders(request: Request) -> Response:
        for name, value in (await request.json()).items():
            assert hasattr(fake, name), name
            setattr(fake, name, value)
        return Response(status_code=204)

    async def pay(request: Request) -> Response:
        fake.pay(request.path_params["session"])
        return Response(status_code=204)

    async def told(_: Request) -> Response:
        done = {"charged": fake.charged, "taken": fake.taken, "sessions": list(fake.sessions.values())}
        return JSONResponse(done | {"asked": fake.asked, "held": fake.held, "refunds": len(fake.refunds)})

    app.router.routes += [
        Route("/orders", orders, methods=["POST"]),
        Route("/pay/{session}", pay, methods=["POST"]),
        Route("/told", told),
    ]
    return app


def main() -> int:
    """Answer requests until somebody ends it; tests/support/warm.py starts it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    taken_over = socket.socket(fileno=parser.parse_args().fd)
    uvicorn.Server(uvicorn.Config(_application(), log_level="warning")).run(sockets=[taken_over])
    return 0
