"""What a file of rates says, whatever its format: from a day on, a zone has a percentage."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from pannier.kernel.findings import Finding, Findings, excerpt
from pannier.tax.models import Area

PERCENT_MAX = 100


@dataclass(frozen=True, slots=True)
class FileZone:
    """A zone that a file has rates of; its areas are where it is."""

    name: str
    title: str
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class FileRate:
    """From `starts` on (None: always before) to `ends` (None: until another one begins) it is `percent`."""

    line: int
    zone: FileZone
    code: str
    category: str
    percent: Decimal
    starts: date | None
    ends: date | None = None
    order: int = 0
    title: str = ""

    @property
    def series(self) -> tuple[str, str, str]:
        """What it is the history of: zone, category, code."""
        return self.zone.name, self.category, self.code


@dataclass(slots=True)
class RateFile:
    """A file that was read: its rates, and what is wrong or odd in it. `source` is what its rates are marked with."""

    source: str
    is_included: bool
    rates: list[FileRate] = field(default_factory=list)
    problems: Findings = field(default_factory=Findings)
    warnings: Findings = field(default_factory=Findings)

    def bad(self, line: int, column: str | None, code: str, reason: str) -> None:
        """Note what the file cannot be taken with."""
        self.problems.add(Finding(line, column, code, reason))

    def odd(self, line: int, column: str | None, code: str, reason: str) -> None:
        """Note what was left out, or looks strange."""
        self.warnings.add(Finding(line, column, code, reason))

    def percent(self, line: int, column: str, value: Any, *, times: int = 1) -> Decimal | None:
        """A rate of the file as a percentage; None, and noted, where it is none."""
        try:
            percent = Decimal(str(value)) * times
        except ArithmeticError:
            percent = Decimal("NaN")
        if isinstance(value, bool) or not percent.is_finite() or not 0 <= percent <= PERCENT_MAX:
            self.bad(line, column, "percent", f"{excerpt(str(value))!r} is no rate between 0 and {PERCENT_MAX} %")
            return None
        return percent

    def day(self, line: int, column: str, value: Any) -> date | None:
        """A day of the file; None, and noted, where it is none."""
        try:
            return date.fromisoformat(str(value)[:10])
        except ValueError:
            self.bad(line, column, "date", f"{excerpt(str(value))!r} is no day such as 2026-01-31")
            return None


#: Reads a text; `countries` are those wanted, None for all that the format stands for.
Reader = Callable[[str, Collection[str] | None], RateFile]
