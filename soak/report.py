"""What a run found: a row per fault, figures per kind, and what broke."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Struck:
    """One fault, how long everybody waited for service after it, and what was wrong then.

    `whole_s` of it went by until every process was there and ready, the rest until the last shopper's next answer.
    """

    number: int
    kind: str
    name: str
    recovery_s: float
    findings: list[str]
    whole_s: float = 0.0


@dataclass
class Report:
    """One run."""

    seed: str
    settings: dict[str, Any]
    machine: dict[str, Any]
    struck: list[Struck] = field(default_factory=list)
    duration_s: float = 0.0
    shoppers: int = 0
    gave_up: int = 0
    orders: int = 0
    acts: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def findings(self) -> list[str]:
        """Everything that was wrong, with the fault after which it was."""
        return [f"fault {one.number}, {one.kind}, {one.name}: {text}" for one in self.struck for text in one.findings]

    def as_data(self) -> dict[str, Any]:
        """The whole of it for JSON."""
        return dataclasses.asdict(self) | {"recovery": recoveries(self.struck), "findings": self.findings}


def recoveries(struck: Sequence[Struck]) -> dict[str, dict[str, float]]:
    """Seconds until everybody was served again, per kind of fault: how many, median, 95th percentile, longest."""
    found = {}
    for kind in dict.fromkeys(one.kind for one in struck):
        times = sorted(one.recovery_s for one in struck if one.kind == kind)
        found[kind] = {
            "faults": len(times),
            "median_s": round(statistics.median(times), 2),
            "p95_s": round(times[math.ceil(0.95 * len(times)) - 1], 2),
            "max_s": round(times[-1], 2),
        }
    return found


def table(struck: Sequence[Struck]) -> Table:
    """The same for a terminal."""
    shown = Table("fault", "times", "median s", "p95 s", "longest s", title="Until everybody was served again")
    for column in shown.columns[1:]:
        column.justify = "right"
    for kind, figures in recoveries(struck).items():
        shown.add_row(kind, *(f"{figure:g}" for figure in figures.values()))
    return shown
