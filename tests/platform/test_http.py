"""The way out: bounded in time, and closed while a transaction is open."""

from __future__ import annotations

import httpx
import pytest

from pannier.platform.database import in_transaction
from pannier.platform.http import CONNECT_TIMEOUT_S, NetworkInsideTransactionError, http_client
from tests.support.web import EdgeApp, served


async def test_a_request_leaves_when_no_transaction_is_open() -> None:
    with served(EdgeApp()) as address:
        async with http_client(base_url=address) as client:
            answer = await client.get("/nowhere")
    assert answer.status_code == 404


async def test_a_request_inside_a_transaction_fails_before_it_leaves() -> None:
    with served(EdgeApp()) as address:
        async with http_client(base_url=address) as client:
            opened = in_transaction.set(True)
            try:
                with pytest.raises(NetworkInsideTransactionError, match="end the transaction"):
                    await client.get("/nowhere")
            finally:
                in_transaction.reset(opened)
            assert (await client.get("/nowhere")).status_code == 404


async def test_every_wait_is_bounded_and_redirects_are_not_followed() -> None:
    def moved(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://elsewhere.test/"})

    async with http_client(timeout_s=5, transport=httpx.MockTransport(moved)) as client:
        answer = await client.get("http://provider.test/")
        bounds = client.timeout
    assert answer.status_code == 302
    assert (bounds.connect, bounds.read, bounds.write, bounds.pool) == (CONNECT_TIMEOUT_S, 5, 5, 5)
