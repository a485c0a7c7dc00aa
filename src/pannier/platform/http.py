"""The only way out: an httpx client with bounds on time, that never runs inside a transaction.

A provider that takes 30 seconds must not hold row locks for 30 seconds, so a call made while the
current task has a transaction open is a mistake in our code and fails at once, in tests as well.
"""

from __future__ import annotations

import httpx

from pannier.platform.database import in_transaction

CONNECT_TIMEOUT_S = 2.0
TOTAL_STEP_TIMEOUT_S = 10.0


class NetworkInsideTransactionError(RuntimeError):
    """A request to another service was about to be sent while a database transaction was open."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Refuses to send while a transaction is open; otherwise hands on to `inner`."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if in_transaction.get():
            raise NetworkInsideTransactionError(
                f"{request.method} {request.url.host}: end the transaction, then call, then open another"
            )
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def http_client(
    *,
    base_url: str = "",
    timeout_s: float = TOTAL_STEP_TIMEOUT_S,
    connections_max: int = 20,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """A client for one outside service.

    `timeout_s` bounds each read, write and wait for a free connection; connecting takes at most
    CONNECT_TIMEOUT_S. Redirects are not followed: where a request goes is our decision.
    """
    limits = httpx.Limits(max_connections=connections_max, max_keepalive_connections=connections_max)
    inner = transport or httpx.AsyncHTTPTransport(limits=limits)
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s)),
        transport=GuardedTransport(inner),
        follow_redirects=False,
        headers={"User-Agent": "pannier"},
    )
