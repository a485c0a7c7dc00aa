"""Whoever goes on when, and whatever dies or is lost on the way: the books are right in the end."""

from __future__ import annotations

import pytest

from soak.simulation.play import Controls
from tests.simulation.conftest import Theatre
from tests.simulation.controls import WITHOUT_CLAIM, WITHOUT_KEYS, WITHOUT_RESUMER, without_index

SEEDS, CHUNK = 300, 50
#: Seeds in which the loss of a guard has to be found; it is found after a few.
_PATIENCE = 80

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_books_are_right_after_every_seed(theatre: Theatre, first: int) -> None:
    broken: dict[str, list[str]] = {}
    orders = deaths = 0
    for seed in range(first, first + CHUNK):
        played = theatre.play(str(seed))
        if played.findings:
            broken[played.seed] = played.findings
        orders += played.orders
        deaths += sum(": dies at " in step for step in played.trace)
    theatre.runner.run(theatre.place.tidy())
    assert broken == {}, 'again: make soak ARGS="--simulate --first SEED --seeds 1"'
    # There was something to lose, and somebody who could lose it.
    assert orders > CHUNK // 4
    assert deaths > CHUNK // 8


def test_a_seed_is_the_same_play_every_time(theatre: Theatre) -> None:
    for seed in ("3", "17", "42"):
        first = theatre.play(seed)
        theatre.play("another in between")
        again = theatre.play(seed)
        assert again.trace == first.trace
        assert again.digest == first.digest


def found_with(theatre: Theatre, controls: Controls, what: str = "") -> list[str]:
    """What the first seed finds that finds such a thing, its number first."""
    for seed in range(_PATIENCE):
        played = theatre.play(str(seed), controls)
        if any(what in finding for finding in played.findings):
            return [played.seed, *played.findings]
    return []


def test_without_the_claim_somebody_is_charged_twice(theatre: Theatre) -> None:
    with without_index(theatre):
        assert found_with(theatre, WITHOUT_CLAIM, "charged more than once") != []


def test_without_the_key_the_provider_charges_again(theatre: Theatre) -> None:
    assert found_with(theatre, WITHOUT_KEYS, "charged more than once") != []


def test_without_the_resumer_a_checkout_is_left_between_cart_and_order(theatre: Theatre) -> None:
    assert found_with(theatre, WITHOUT_RESUMER, "left between the cart and the order") != []


def test_a_failing_seed_fails_again(theatre: Theatre) -> None:
    seed, *findings = found_with(theatre, WITHOUT_KEYS)
    again = theatre.play(seed, WITHOUT_KEYS)
    assert again.findings == findings
