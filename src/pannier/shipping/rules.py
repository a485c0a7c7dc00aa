"""When something that is ordered now is there. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pannier.shipping.models import Delivery

_SATURDAY = 5


def estimate(delivery: Delivery, ordered_at: datetime) -> tuple[date, date]:
    """The first and the last day on which it may arrive. `ordered_at` is the shop's local time.

    What is ordered at the cut-off or later counts as ordered the next day, and what is ordered on a weekend as ordered
    on Monday, unless weekends count.
    """
    day = ordered_at.date()
    if delivery.cutoff is not None and ordered_at.time() >= delivery.cutoff:
        day += timedelta(days=1)
    leaves = _after(_after(day, 0, delivery), delivery.handling_days, delivery)
    return _after(leaves, delivery.days_min, delivery), _after(leaves, delivery.days_max, delivery)


def _after(day: date, days: int, delivery: Delivery) -> date:
    """So many days later, of those that count; none later is the next one that counts."""
    if delivery.is_on_weekends:
        return day + timedelta(days=days)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    weeks, rest = divmod(days, _SATURDAY)
    day += timedelta(weeks=weeks)
    for _ in range(rest):
        day += timedelta(days=3 if day.weekday() == _SATURDAY - 1 else 1)
    return day
