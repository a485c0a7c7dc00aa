"""Other people's services that are asked while somebody waits: bounded in time, tried again, and left alone when down.

    tax = OutsideService("tax provider", http_client(base_url=url), Patience(timeout_s=2.0))
    answer = await tax.ask("/taxes", {"currency": "USD"})       # decoded JSON, or OutsideServiceError with the reason

A question changes nothing over there, so it may be asked again. Between tries it waits a random part of a time that
doubles, so that a service which comes back is not met by everybody at once. After some failures in a row the
service is not asked for a while (the circuit is open), then by one request; if that one fails, the while begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from pannier.kernel.ids import random_fraction
from pannier.platform.http import http_client
from pannier.platform.records import as_json, exact
from pannier.platform.settings import Settings

logger = logging.getLogger(__name__)

_ANSWER_BYTES_MAX = 2_000_000
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class OutsideServiceError(Exception):
    """There is no answer that can be used; the text says why, without what was asked."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a service is waited for, all tries together, how often it is tried, and when it is left alone."""

    timeout_s: float = 2.0
    attempts_max: int = 3
    wait_s: float = 0.05
    failures_max: int = 5
    pause_s: float = 30.0


class OutsideService:
    """One service. `sleep` and `fraction` are there for tests, which wait for nothing."""

    def __init__(
        self,
        name: str,
        client: httpx.AsyncClient,
        patience: Patience,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        fraction: Callable[[], float] = random_fraction,
    ) -> None:
        self.name = name
        self._client = client
        self._patience = patience
        self._sleep = sleep
        self._fraction = fraction
        self._failures = 0
        self._asked_again_at = 0.0
        self.requests = 0

    @property
    def is_left_alone(self) -> bool:
        """Whether it is not asked for now, since it failed too often."""
        return self._failures >= self._patience.failures_max and self._now() < self._asked_again_at

    async def ask(self, path: str, question: Mapping[str, Any]) -> Any:
        """The answer as decoded JSON, fractions as decimals. Raises OutsideServiceError."""
        if self.is_left_alone:
            raise OutsideServiceError("it failed before, and is not asked for a while")
        # Whoever comes first asks; until there is an answer all others go without.
        self._asked_again_at = self._now() + self._patience.pause_s
        try:
            async with asyncio.timeout(self._patience.timeout_s):
                answer = await self._tried(path, as_json(question).encode())
        except TimeoutError:
            raise self._failed(f"no answer within {self._patience.timeout_s:g} s") from None
        except (httpx.HTTPError, OutsideServiceError) as problem:
            raise self._failed(str(problem) or type(problem).__name__) from problem
        self._failures = 0
        return answer

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _tried(self, path: str, body: bytes) -> Any:
        wait_s = self._patience.wait_s
        for attempt in range(1, self._patience.attempts_max + 1):
            try:
                return await self._once(path, body)
            except (httpx.TransportError, _TryAgainError) as problem:
                if attempt == self._patience.attempts_max:
                    raise
                logger.info("%s: try %d failed: %s", self.name, attempt, problem)
            await self._sleep(wait_s * self._fraction())
            wait_s *= 2
        raise AssertionError("the last try returns or raises")

    async def _once(self, path: str, body: bytes) -> Any:
        self.requests += 1
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        async with self._client.stream("POST", path, content=body, headers=headers) as answer:
            if answer.status_code in _RETRIED:
                raise _TryAgainError(f"it answered {answer.status_code}")
            if answer.status_code != 200:
                raise OutsideServiceError(f"it answered {answer.status_code}")
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > _ANSWER_BYTES_MAX:
                    raise OutsideServiceError(f"its answer has more than {_ANSWER_BYTES_MAX:,} bytes")
        try:
            return exact(content.decode())
        except (ValueError, RecursionError) as problem:
            raise OutsideServiceError("its answer is no JSON") from problem

    def _failed(self, reason: str) -> OutsideServiceError:
        self._failures += 1
        self._asked_again_at = self._now() + self._patience.pause_s
        logger.warning("%s gives no answer (%d in a row): %s", self.name, self._failures, reason)
        return OutsideServiceError(reason)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class _TryAgainError(OutsideServiceError):
    """Another try may have better luck."""


def outside_service(name: str, url: str, token: SecretStr | None, settings: Settings) -> OutsideService:
    """A service at an address, with the patience that the settings have for all of them."""
    patience = Patience(
        settings.provider_timeout_s,
        settings.provider_attempts_max,
        failures_max=settings.provider_failures_max,
        pause_s=settings.provider_pause_s,
    )
    client = http_client(base_url=url, timeout_s=settings.provider_timeout_s)
    if token is not None:
        client.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    return OutsideService(name, client, patience)
