"""Natural batching: whoever waits shares the next statement, and only a crowd waits for its own, for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from pannier.platform.batching import Batcher


class Desk:
    """A `run` that the test lets go on; answers each request with itself in capitals."""

    def __init__(self, *, size_max: int = 10, lanes: int = 1) -> None:
        self.batches: list[list[str]] = []
        self.sizes: list[int] = []
        self.under_way: list[str] = []
        self.most_under_way = 0
        self.is_open = asyncio.Event()
        self.batcher: Batcher[str, str] = Batcher(self._run, size_max=size_max, lanes=lanes, on_batch=self.sizes.append)

    async def _run(self, requests: Sequence[str]) -> list[str]:
        self.batches.append(list(requests))
        self.under_way.extend(requests)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        try:
            await self.is_open.wait()
            if "bad" in requests:
                raise ValueError("a bad request")
            return [request.upper() for request in requests]
        finally:
            for request in requests:
                self.under_way.remove(request)

    def submit(self, key: str, request: str) -> asyncio.Task[str]:
        return asyncio.create_task(self.batcher.submit(key, request))

    async def settle(self) -> None:
        """Let every task run as far as it gets."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            turn = loop.create_future()
            loop.call_soon(turn.set_result, None)
            await turn


async def test_an_idle_desk_begins_at_once() -> None:
    desk = Desk()
    first = desk.submit("a", "one")
    await desk.settle()
    assert desk.batches == [["one"]]
    desk.is_open.set()
    assert await first == "ONE"


async def test_a_crowd_does_not_fall_apart_into_two_halves() -> None:
    desk = Desk()

    async def ask_twice(name: str) -> None:
        await desk.batcher.submit(name, name)
        await desk.batcher.submit(name, name)

    first = [asyncio.create_task(ask_twice(name)) for name in "abcd"]
    await desk.settle()
    second = [desk.submit(name, name) for name in "efgh"]
    await desk.settle()
    # Long enough that there is patience at all.
    asyncio.get_running_loop().call_later(0.05, desk.is_open.set)
    await asyncio.gather(*first, *second)
    assert desk.sizes == [4, 8]


async def test_who_is_left_of_a_crowd_is_served_alone() -> None:
    desk = Desk()
    crowd = [desk.submit(name, name) for name in "abcdefgh"]
    await desk.settle()
    late = desk.submit("late", "late")
    await desk.settle()
    desk.is_open.set()
    await asyncio.gather(*crowd)
    assert await asyncio.wait_for(late, 5) == "LATE"
    assert desk.batches[-1] == ["late"]


async def test_who_comes_in_the_same_turn_of_the_loop_shares_a_run() -> None:
    desk = Desk()
    tasks = [desk.submit(f"cart {n}", f"{n}") for n in range(3)]
    await desk.settle()
    assert desk.batches == [["0", "1", "2"]]
    desk.is_open.set()
    assert await asyncio.gather(*tasks) == ["0", "1", "2"]


async def test_those_who_wait_share_the_next_run() -> None:
    desk = Desk()
    tasks = [desk.submit("cart 0", "request 0")]
    await desk.settle()
    tasks += [desk.submit(f"cart {n}", f"request {n}") for n in range(1, 5)]
    await desk.settle()
    assert desk.batches == [["request 0"]]
    desk.is_open.set()
    assert await asyncio.gather(*tasks) == [f"REQUEST {n}" for n in range(5)]
    assert desk.batches[1:] == [[f"request {n}" for n in range(1, 5)]]
    assert desk.sizes == [1, 4]


async def test_a_batch_is_bounded_and_keeps_the_order() -> None:
    desk = Desk(size_max=3)
    tasks = [desk.submit(f"cart {n}", f"{n}") for n in range(8)]
    await desk.settle()
    desk.is_open.set()
    await asyncio.gather(*tasks)
    assert desk.batches == [["0", "1", "2"], ["3", "4", "5"], ["6", "7"]]


async def test_lanes_bound_what_is_under_way() -> None:
    desk = Desk(size_max=1, lanes=2)
    tasks = [desk.submit(f"cart {n}", f"{n}") for n in range(6)]
    await desk.settle()
    assert desk.under_way == ["0", "1"]
    desk.is_open.set()
    await asyncio.gather(*tasks)
    assert desk.most_under_way == 2


async def test_one_cart_is_never_under_way_twice() -> None:
    desk = Desk(lanes=3)
    tasks = [desk.submit("mine", "one"), desk.submit("mine", "two"), desk.submit("yours", "three")]
    tasks.append(desk.submit("mine", "four"))
    await desk.settle()
    assert desk.under_way == ["one", "three"]
    desk.is_open.set()
    assert await asyncio.gather(*tasks) == ["ONE", "TWO", "THREE", "FOUR"]
    assert desk.batches == [["one", "three"], ["two"], ["four"]]


async def test_a_busy_cart_holds_up_nobody_behind_it() -> None:
    desk = Desk(lanes=2)
    first = desk.submit("mine", "one")
    await desk.settle()
    later = [desk.submit("mine", "two"), desk.submit("yours", "three")]
    await desk.settle()
    assert desk.under_way == ["one", "three"]
    desk.is_open.set()
    assert await asyncio.gather(first, *later) == ["ONE", "TWO", "THREE"]


async def test_a_batch_that_fails_is_run_one_by_one() -> None:
    desk = Desk()
    tasks = [desk.submit(f"cart {n}", request) for n, request in enumerate(["good", "bad", "fine"])]
    await desk.settle()
    desk.is_open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answers[0], answers[2]] == ["GOOD", "FINE"]
    assert isinstance(answers[1], ValueError)
    assert desk.batches == [["good", "bad", "fine"], ["good"], ["bad"], ["fine"]]


async def test_the_desk_goes_on_after_a_failure() -> None:
    desk = Desk()
    desk.is_open.set()
    with pytest.raises(ValueError, match="a bad request"):
        await desk.batcher.submit("mine", "bad")
    assert await desk.batcher.submit("mine", "good") == "GOOD"


async def test_who_hangs_up_while_waiting_is_left_out() -> None:
    desk = Desk()
    tasks = [desk.submit("cart 0", "0")]
    await desk.settle()
    tasks += [desk.submit("cart 1", "1"), desk.submit("cart 2", "2")]
    await desk.settle()
    tasks[1].cancel()
    await desk.settle()
    desk.is_open.set()
    assert await tasks[2] == "2"
    assert desk.batches == [["0"], ["2"]]


async def test_who_hangs_up_while_it_runs_harms_nobody_and_keeps_its_place() -> None:
    """What was begun is carried out, and a later request for the same cart still waits for it."""
    desk = Desk(lanes=2)
    desk.is_open.set()
    await desk.batcher.submit("other", "warm-up")
    desk.is_open.clear()
    gone, stays = desk.submit("mine", "one"), desk.submit("yours", "two")
    await desk.settle()
    gone.cancel()
    again = desk.submit("mine", "three")
    await desk.settle()
    assert "three" not in desk.under_way
    desk.is_open.set()
    assert (await stays, await again) == ("TWO", "THREE")
    assert gone.cancelled()
    assert ["one", "two"] in desk.batches


async def test_a_hang_up_in_a_failing_batch_harms_nobody() -> None:
    desk = Desk()
    first = desk.submit("cart 0", "0")
    await desk.settle()
    tasks = [desk.submit(f"cart {n}", text) for n, text in enumerate(["bad", "one", "two"], 1)]
    await desk.settle()
    desk.is_open.set()
    await first
    tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[0], ValueError)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert answers[2] == "TWO"


async def test_drain_waits_for_everything_that_was_begun() -> None:
    desk = Desk()
    tasks = [desk.submit(f"cart {n}", f"{n}") for n in range(4)]
    await desk.settle()
    drained = asyncio.create_task(desk.batcher.drain())
    await desk.settle()
    assert not drained.done()
    desk.is_open.set()
    await drained
    assert (desk.under_way, sum(desk.sizes)) == ([], 4)
    assert await asyncio.gather(*tasks) == ["0", "1", "2", "3"]
