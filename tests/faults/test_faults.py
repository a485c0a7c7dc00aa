"""Whatever breaks, nothing acknowledged is lost or done twice: five of each kind here, many more by `make soak`."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from soak import acts, books
from soak.faults import FAULTS, KINDS
from soak.run import Crowd, planned, strike
from soak.shopper import BrokenPromiseError, Shopper
from soak.volume import volume
from soak.world import Plan, World, world
from tests.support.log_watch import look_through

OF_EACH = 5
# `make soak` judges at 10 s; here other tests want the same few cores.
_RECOVERY_MAX_S = 40.0
_SMALL = Plan("tests", shoppers=6, hold_ttl_s=2.0, workers=(1, 1), settings=(("database_lock_timeout_s", 1),))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    """A shop and its shoppers, standing still between tests."""
    with volume(512) as disk:
        logs = tmp_path_factory.mktemp("servers")
        async with world(disk, logs, _SMALL) as shop:
            crowd = Crowd(shop, _SMALL.shoppers)
            async with crowd.shopping():
                await crowd.stand_still()
                yield crowd
        look_through(logs, "a server under faults")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_acknowledged_is_there_once(crowd: Crowd, kind: str) -> None:
    draw = random.Random(kind)
    crowd.go_on()
    try:
        struck = [
            await strike(crowd, fault, draw, number, _RECOVERY_MAX_S)
            for number, fault in enumerate(itertools.islice(planned("tests", [kind]), OF_EACH), 1)
        ]
    finally:
        await crowd.stand_still()
    assert [(one.name, one.findings) for one in struck if one.findings] == []
    assert len(struck) == OF_EACH
    # There was something to lose.
    assert sum(bool(shopper.journal.lines or shopper.journal.orders) for shopper in crowd.shoppers) > 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def careless(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The same shop, but its second server keeps no record of what it did."""
    plan = dataclasses.replace(_SMALL, seed="careless", app="tests.faults.careless:create_app")
    with volume(512) as disk:
        async with world(disk, tmp_path_factory.mktemp("careless"), plan) as shop:
            yield shop


async def test_a_server_that_records_outside_the_transaction_is_found_out(careless: World) -> None:
    """The negative control: the change is committed, its answer is lost, and the server does it again."""
    shopper = Shopper(careless.street, 1)

    async def add_and_be_cut_off() -> None:
        # It may be a job's commit that is hit, and not the shopper's.
        for _ in range(10):
            careless.database_line.next_commit = "drop answer"
            await acts.add(shopper)

    try:
        with pytest.raises(BrokenPromiseError, match="the shop says"):
            await add_and_be_cut_off()
    finally:
        await shopper.close()
    assert careless.database_line.hits >= 1
    found = await books.faults(careless.url, [shopper], careless.opening_stock)
    assert [text for text in found if text.startswith("shopper 1: cart")]


async def test_a_client_that_asks_again_with_another_key_is_found_out(careless: World) -> None:
    """The other control: a server that does all right, and a client that does not."""
    shopper = Shopper(careless.street, 2, keeps_its_keys=False)
    careless.lines[0].next_answer = "cut"
    with pytest.raises(BrokenPromiseError, match="the shop says"):
        await acts.add(shopper)
    await shopper.close()
    found = await books.faults(careless.url, [shopper], careless.opening_stock)
    assert [text for text in found if text.startswith("shopper 2: cart")]


async def test_the_books_find_an_order_that_nobody_placed_and_one_that_is_lost(careless: World) -> None:
    shopper, stranger = Shopper(careless.street, 4), Shopper(careless.street, 6)
    for one in (shopper, stranger):
        await acts.add(one)
        await acts.buy(one)
        await one.close()
    number = next(iter(stranger.journal.orders.values())).number
    known = await books.faults(careless.url, [shopper, stranger], careless.opening_stock)
    found = await books.faults(careless.url, [shopper], careless.opening_stock)
    assert not [text for text in known if "shopper 4" in text or str(number) in text]
    assert [text for text in found if text.startswith("somebody nobody knows") and str(number) in text]
    shopper.journal.orders.clear()
    shopper.journal.lines = {"what was never added": (1, "")}
    found = await books.faults(careless.url, [shopper, stranger], careless.opening_stock)
    assert [text for text in found if text.startswith("shopper 4") and "never added" in text]


async def test_the_same_seed_breaks_the_same_things_in_the_same_order() -> None:
    first, again, other = (list(itertools.islice(planned(seed), 60)) for seed in ("a", "a", "b"))
    assert first == again != other
    assert {fault.kind for fault in first[: len(KINDS)]} == set(KINDS)
    assert set(first) == set(FAULTS)
