"""What is wrong, or odd, in a file: data for the person who has to mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

LISTED_MAX = 1_000
_EXCERPT_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One bad or odd cell.

    `line` is the physical line (from 1) on which the row starts; for a cut quote or a bad byte, the line of
    that. `column` is the header's name, None where the whole row or file is meant. `code` names the kind,
    for counting.
    """

    line: int
    column: str | None
    code: str
    reason: str
    handle: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column {self.column}" if self.column is not None else "")
        return f"{where}: {self.reason}"


class Findings:
    """Counts every finding, keeps the first `listed_max`: a 50 MB file may have a million of them."""

    def __init__(self, listed_max: int = LISTED_MAX) -> None:
        self._listed_max = listed_max
        self._listed: list[Finding] = []
        self.by_code: Counter[str] = Counter()

    def add(self, finding: Finding) -> None:
        self.by_code[finding.code] += 1
        if len(self._listed) < self._listed_max:
            self._listed.append(finding)

    @property
    def count(self) -> int:
        """All of them, listed or not."""
        return self.by_code.total()

    @property
    def listed(self) -> list[Finding]:
        """Those kept, by line; several of one line in the order in which they were met."""
        return sorted(self._listed, key=lambda finding: finding.line)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.listed)

    def __len__(self) -> int:
        return self.count


def excerpt(text: str) -> str:
    """The start of a cell fit to print in one line: control characters and lone surrogates are escaped."""
    short = text if len(text) <= _EXCERPT_LENGTH else text[: _EXCERPT_LENGTH - 1] + "…"
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")
