"""The one place that asks the operating system what time it is.

Decisions about expiry are taken by the database after it holds the locks they depend on
(`clock_timestamp()`), so a clock here is two things: a reading for what is only shown or
recorded, and an `offset` that SQL functions add to the database's own time. In production
the offset is zero; a test moves it instead of sleeping.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Reads time; `offset` is what the shop's time is ahead of the machine's."""

    @property
    def offset(self) -> timedelta: ...

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's time, in UTC."""

    offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """The machine's time plus an offset that only `advance` changes."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    @property
    def offset(self) -> timedelta:
        return self._offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move forward; time never goes back, so a negative step is a mistake in the test."""
        if by < timedelta(0):
            raise ValueError("a clock only moves forward")
        self._offset += by
