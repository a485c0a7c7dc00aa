"""How the bench judges a shop that grows."""

from __future__ import annotations

from bench.models import Measurement
from bench.scale import GROWTH_MAX, SIZES, Step, bars_of
from bench.seeding import Sizes


def _step(sizes: Sizes, add_us: float, get_us: float) -> Step:
    figures = {"add": add_us, "get": get_us}
    return Step(sizes, [Measurement(name, 32, 1, 1, 1, database_us=us) for name, us in figures.items()], "clean")


def test_the_largest_shop_may_take_half_as_much_again() -> None:
    steps = [_step(SIZES[0], 1, 1), _step(SIZES[1], 100, 10), _step(SIZES[-1], 100 * GROWTH_MAX, 16)]
    assert [(bar.what.partition(":")[0], bar.is_met) for bar in bars_of(steps)] == [("add", True), ("get", False)]


def test_without_the_largest_shop_nothing_is_judged() -> None:
    assert bars_of([_step(SIZES[0], 1, 1), _step(SIZES[1], 1, 1)]) == []


def test_a_million_of_each_is_the_largest() -> None:
    assert (SIZES[-1].carts, SIZES[-1].products) == (1_000_000, 1_000_000)
    assert SIZES[0].carts == 1_000
