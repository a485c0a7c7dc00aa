"""Other people's services are waited for a while, tried again, and left alone when they are down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from pannier.platform.database import in_transaction
from pannier.platform.http import NetworkInsideTransactionError, http_client
from pannier.platform.outside import OutsideService, OutsideServiceError, Patience
from tests.support.outsider import Outsider, outsider


@pytest.fixture(scope="module")
def there() -> Iterator[Outsider]:
    with outsider() as service:
        yield service


class Waits:
    """How long was waited between tries, without waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def note(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def asking(url: str, waits: Waits | None = None, **patience: Any) -> AsyncIterator[OutsideService]:
    waits = waits or Waits()
    settings = Patience(**{"timeout_s": 30.0, **patience})
    service = OutsideService(
        "theirs", http_client(base_url=url, timeout_s=30), settings, sleep=waits.note, fraction=lambda: 0.5
    )
    try:
        yield service
    finally:
        await service.close()


async def test_an_answer_keeps_every_digit(there: Outsider) -> None:
    there.plan({"text": '{"percent": 8.875}'})
    async with asking(there.url) as service:
        assert await service.ask("/x", {"rate": Decimal("1.10")}) == {"percent": Decimal("8.875")}
    assert there.requests()[0]["body"] == {"rate": 1.1}


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"cut": True}], ids=str)
async def test_a_passing_fault_is_tried_again_after_longer_and_longer_waits(
    there: Outsider, fault: dict[str, Any]
) -> None:
    there.plan(fault, fault, {"json": {"is": "there"}})
    waits = Waits()
    async with asking(there.url, waits) as service:
        assert await service.ask("/x", {}) == {"is": "there"}
    assert len(there.requests()) == 3
    assert waits.seconds == [0.025, 0.05]


@pytest.mark.parametrize("fault", [{"status": 400}, {"status": 302}, {"text": "<html>"}], ids=str)
async def test_what_another_try_would_not_mend_is_not_tried_again(there: Outsider, fault: dict[str, Any]) -> None:
    there.plan(fault)
    async with asking(there.url) as service:
        with pytest.raises(OutsideServiceError):
            await service.ask("/x", {})
    assert len(there.requests()) == 1


async def test_nobody_waits_longer_than_the_time_for_all_tries(there: Outsider) -> None:
    there.plan({"hang": True})
    async with asking(there.url, timeout_s=0.3) as service:
        with pytest.raises(OutsideServiceError, match=r"no answer within 0\.3 s"):
            await service.ask("/x", {})


async def test_who_fails_too_often_is_left_alone_and_then_asked_by_one(there: Outsider) -> None:
    there.plan({"status": 500})
    async with asking(there.url, attempts_max=1, failures_max=2, pause_s=3600) as service:
        for _ in range(2):
            with pytest.raises(OutsideServiceError, match="answered 500"):
                await service.ask("/x", {})
        with pytest.raises(OutsideServiceError, match="not asked for a while"):
            await service.ask("/x", {})
        assert len(there.requests()) == 2

        there.plan({"json": {"back": True}})
        service._asked_again_at = 0.0
        answers = await asyncio.gather(*[service.ask("/x", {}) for _ in range(5)], return_exceptions=True)
        assert answers.count({"back": True}) == 1
        assert len(there.requests()) == 1
        assert await service.ask("/x", {}) == {"back": True}


async def test_an_answer_without_end_is_cut_off(there: Outsider) -> None:
    there.plan({"text": '"' + "x" * 2_100_000 + '"'})
    async with asking(there.url) as service:
        with pytest.raises(OutsideServiceError, match="more than 2,000,000 bytes"):
            await service.ask("/x", {})


async def test_nobody_is_asked_inside_a_transaction(there: Outsider) -> None:
    there.plan({"json": {}})
    async with asking(there.url) as service:
        token = in_transaction.set(True)
        try:
            with pytest.raises(NetworkInsideTransactionError):
                await service.ask("/x", {})
        finally:
            in_transaction.reset(token)
    assert there.requests() == []
