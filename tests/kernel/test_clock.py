"""Two clocks with one face: the machine's, and one that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pannier.kernel.clock import Clock, ManualClock, SystemClock


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()], ids=["system", "manual"])
def test_a_clock_tells_the_machines_time_in_utc(clock: Clock) -> None:
    before = datetime.now(UTC)
    now = clock.now()

    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)
    assert clock.offset == timedelta(0)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=365)), max_size=10))
def test_a_manual_clock_is_ahead_by_all_its_steps(steps: list[timedelta]) -> None:
    clock = ManualClock()
    for step in steps:
        clock.advance(step)
    ahead = sum(steps, timedelta(0))

    assert clock.offset == ahead
    assert timedelta(0) <= clock.now() - ahead - datetime.now(UTC) + timedelta(minutes=1) <= timedelta(minutes=1)


def test_time_never_goes_back() -> None:
    clock = ManualClock()
    clock.advance(timedelta(minutes=1))

    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))
    assert clock.offset == timedelta(minutes=1)
