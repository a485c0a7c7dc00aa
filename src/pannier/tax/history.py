"""What several files say of a rate, made into one history in which every day has one percentage. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from pannier.tax.files.rows import FileRate, RateFile

_EARLIEST = date.min


def histories(files: Sequence[RateFile]) -> dict[tuple[str, str, str], list[tuple[FileRate, RateFile]]]:
    """The rates of each zone, category and code, in order, none of which has a day of another.

    On any day the rate that began last counts. Of two files that begin one on the same day the first counts; two in
    one file are a problem of that file.
    """
    found: dict[tuple[str, str, str], dict[date, tuple[FileRate, RateFile]]] = {}
    for file in files:
        for rate in file.rates:
            starts = found.setdefault(rate.series, {})
            known = starts.setdefault(rate.starts or _EARLIEST, (rate, file))
            if known[0] is rate:
                continue
            if known[1] is file and known[0].percent != rate.percent:
                zone, category, code = rate.series
                file.bad(
                    rate.line,
                    None,
                    "twice",
                    f"{code} on {category} in {zone} begins on line {known[0].line} on the same day with another rate",
                )
    return {series: list(_cut([starts[day] for day in sorted(starts)])) for series, starts in found.items()}


def _cut(rates: Sequence[tuple[FileRate, RateFile]]) -> Iterable[tuple[FileRate, RateFile]]:
    """Each ends the day before the next one begins, if it does not end earlier."""
    for place, (rate, file) in enumerate(rates):
        ends = rate.ends
        if place + 1 < len(rates):
            following = rates[place + 1][0].starts
            assert following is not None
            last = following - timedelta(days=1)
            ends = last if ends is None or ends > last else ends
        yield replace(rate, ends=ends), file
