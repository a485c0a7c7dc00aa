"""Devices of people who visit a shop: real HTTP, cookies kept like a browser's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


class Device:
    """A browser, or an app that sends a token with each request."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    def signed_in(self, token: str) -> None:
        """From now on every request carries the token."""
        self.http.headers["Authorization"] = f"Bearer {token}"

    async def send(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """What a route answers, which has to be of this status."""
        sent = {**SAME_SITE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = await self.http.request(method, path, json=body, headers=sent)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def add(self, variant: object, quantity: int = 1, *, status: int = 200, **more: Any) -> Any:
        """The cart after adding, or the refusal."""
        return await self.send(
            "POST", "/cart/items", {"variant_id": str(variant), "quantity": quantity, **more}, status
        )

    async def cart(self) -> Any:
        return await self.send("GET", "/cart")


@asynccontextmanager
async def device(address: str, name: str = "laptop", prefix: str = "/api/v1") -> AsyncIterator[Device]:
    """A device that nobody has used before."""
    async with httpx.AsyncClient(base_url=address + prefix, headers={"X-Device-Id": name}, timeout=60) as http:
        yield Device(http)


def contents(cart: Any) -> list[tuple[str, int]]:
    """`(name, quantity)` of each line."""
    return [(item["name"], item["quantity"]) for item in cart["items"]]


def flags(cart: Any) -> list[list[str]]:
    """The flags of each line."""
    return [item["availability"]["flags"] for item in cart["items"]]
