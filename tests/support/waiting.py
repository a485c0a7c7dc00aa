"""Waiting for what another process or task does, with a deadline instead of a guess."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_POLL_S = 0.01
_GIVEN = TypeVar("_GIVEN")


def wait_until(predicate: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Return as soon as `predicate()` is true; TimeoutError when that takes longer than `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {timeout_s} s: {predicate}")
        threading.Event().wait(_POLL_S)


async def wait_until_async(predicate: Callable[[], object], timeout_s: float = 60.0) -> None:
    """The same, letting the event loop's other tasks run."""
    deadline = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {timeout_s} s: {predicate}")
        await asyncio.sleep(_POLL_S)


async def asked_until_given(ask: Callable[[], Awaitable[_GIVEN | None]], timeout_s: float = 60.0) -> _GIVEN:
    """What `ask` gives once it gives something; it is asked again and again as a patient client would."""
    deadline = time.monotonic() + timeout_s
    while (given := await ask()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing was given within {timeout_s} s: {ask}")
        await asyncio.sleep(10 * _POLL_S)
    return given
