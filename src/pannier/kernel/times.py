"""How a time is written, and which times there are."""

from __future__ import annotations

from datetime import UTC, datetime


def in_zulu(moment: str) -> str:
    """An RFC 3339 time in UTC as every answer writes it, with `Z`; the database writes `+00:00`."""
    return moment.replace("+00:00", "Z")


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError without a zone, or where UTC's calendar (years 1 to 9999) ends."""
    if moment.tzinfo is None:
        raise ValueError("must have a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be within the years 1 to 9999 of UTC") from None
