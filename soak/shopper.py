"""A shopper: does one thing after the other, writes down what the shop promised, and asks again as a good client."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from pannier.kernel.ids import new_cart_token
from soak.journal import Journal

_PATIENCE_S = 60.0
_WAIT_FIRST_S, _WAIT_MAX_S = 0.05, 0.4
_THINKING_S = 0.03
_GIVES_UP = 0.08
_ASK_AGAIN = frozenset({"IDEMPOTENCY_IN_FLIGHT", "RATE_LIMITED"})


class BrokenPromiseError(Exception):
    """The shop said or kept something else than it had promised."""


class GaveUpError(Exception):
    """The shopper went away without knowing what became of a request."""


@dataclass
class Street:
    """What all shoppers share: where the shop is, what it sells, and the rope that holds them back for a check."""

    urls: list[str]
    prices: dict[str, int]
    hold_ttl_s: float
    #: A client that hears nothing for so long asks again.
    timeout_s: float
    seed: str
    #: Nobody begins anything new while it is not set.
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    acts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    #: Answers of 500: the shop did not know what happened to it.
    surprises: list[str] = field(default_factory=list)


class Shopper:
    """One cart, one journal, one connection to one of the servers.

    `maybe` is the journal as it would be if the last request, whose outcome nobody knows, was carried out: the shop
    may keep either, and nothing in between.
    """

    def __init__(self, street: Street, number: int, *, keeps_its_keys: bool = True) -> None:
        self.street = street
        self.number = number
        self.random = random.Random(f"{street.seed}/shopper {number}")
        self.token = new_cart_token()
        self.journal = Journal()
        self.maybe: Journal | None = None
        self.checkout: str | None = None
        self.is_busy = False
        #: When the newest request with a definite answer was sent.
        self.served_at = 0.0
        self._keys = 0
        self._keeps_its_keys = keeps_its_keys
        self._url = street.urls[number % len(street.urls)]
        self._http = httpx.AsyncClient(base_url=self._url, timeout=street.timeout_s, trust_env=False)

    @property
    def journals(self) -> list[Journal]:
        """Every state that the shop may have kept."""
        return [self.journal] if self.maybe is None else [self.journal, self.maybe]

    async def live(self, act: Callable[[Shopper], Any]) -> None:
        """Act until cancelled, or until it gives up on a request."""
        while True:
            await self.street.is_open.wait()
            self.is_busy = True
            try:
                await act(self)
            finally:
                self.is_busy = False
            await asyncio.sleep(_THINKING_S * self.random.random())

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self, method: str, path: str, body: object = None, *, if_done: Journal | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and document of a definite answer: what the shop did, or why it did not.

        While nobody knows, the same request is sent again with the same key. `if_done` is the journal as it will be
        if it is carried out; a shopper who loses patience leaves it behind as `maybe`.
        """
        loop = asyncio.get_running_loop()
        give_up_at, wait_s = loop.time() + _PATIENCE_S, _WAIT_FIRST_S
        is_unknown = False
        key = self._key()
        while True:
            sent_at = loop.time()
            answer = await self._send(method, path, body, key)
            if isinstance(answer, httpx.Response) and not _is_to_be_repeated(answer):
                self.served_at = sent_at
                document: dict[str, Any] = answer.json()
                self.street.answers["OK" if answer.status_code < 300 else document["error"]] += 1
                return answer.status_code, document
            is_unknown = is_unknown or if_done is not None
            if is_unknown and self.random.random() < _GIVES_UP:
                self.maybe = if_done
                raise GaveUpError
            if loop.time() > give_up_at:
                raise BrokenPromiseError(f"shopper {self.number}: no answer to {method} {path} in {_PATIENCE_S:g} s")
            await asyncio.sleep(wait_s * (0.5 + self.random.random()))
            wait_s = min(_WAIT_MAX_S, wait_s * 2)
            if not self._keeps_its_keys:
                key = self._key()

    def _key(self) -> str:
        self._keys += 1
        return f"{self.number}-{self._keys}"

    async def _send(self, method: str, path: str, body: object, key: str) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {self.token}"}
        if method != "GET":
            headers["Idempotency-Key"] = key
        try:
            async with asyncio.timeout(self.street.timeout_s):
                answer = await self._http.request(method, f"/api/v1{path}", json=body, headers=headers)
        except (httpx.TransportError, TimeoutError) as error:
            self.street.answers[type(error).__name__] += 1
            return None
        if answer.status_code >= 500 or answer.status_code == 429:
            self.street.answers[f"{answer.status_code} {_error_of(answer)}"] += 1
        if answer.status_code == 500:
            self.street.surprises.append(f"{method} {path}: {answer.text[:500]}")
        return answer


def _is_to_be_repeated(answer: httpx.Response) -> bool:
    return answer.status_code >= 500 or _error_of(answer) in _ASK_AGAIN


def _error_of(answer: httpx.Response) -> str:
    if answer.status_code < 400:
        return ""
    try:
        return str(answer.json().get("error", ""))
    except ValueError:
        return ""
