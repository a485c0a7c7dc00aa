"""The bench of quotes: what it measures is a quote, and its cost grows with the lines and not faster."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from bench.pricing import SIZES, Measured, Size, bars, basket, growth_bar
from pannier.pricing import BasketRequest, quote


def lines_run(request: BasketRequest) -> int:
    """Lines of Python that a quote runs through: its cost, alike on a busy machine and an idle one."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        quote(request)
    finally:
        sys.settrace(before)
    return count


def test_every_promotion_of_the_bench_applies_and_takes_something_off() -> None:
    quoted = quote(basket(1000, 100))

    assert len(quoted.lines) == 1000
    assert len(quoted.applied) == 100
    assert sum(one.goods_minor + one.shipping_minor > 0 for one in quoted.applied) >= 90


def test_the_cost_grows_linearly_with_the_lines() -> None:
    # Ten times the lines at eleven times the cost at most: what is quadratic would be a hundred times.
    assert lines_run(basket(1000, 50)) < 11 * lines_run(basket(100, 50))


def test_a_bar_is_missed_by_time_or_by_ratio() -> None:
    size = Size(10, 20, 300, 330)
    slow, loaded = Measured(size, 400, 4), Measured(size, 200, 0.5)

    assert [bar.is_met for bar in bars([slow])] == [False, True]
    assert [bar.is_met for bar in bars([loaded])] == [True, False]
    assert [growth_bar(times).is_met for times in (10.4, 13.0)] == [True, False]
    assert len(bars([slow, loaded])) == 2 * len(SIZES)
