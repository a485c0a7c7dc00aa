"""Patterns of postal codes as ranges of their beginnings: `5100[1-5]` is 51001 to 51005, `35\\d{3}` is 35 to 35."""

from __future__ import annotations

import itertools
import re

from pannier.tax.rules import plain_text

_ONE = re.compile(r"([0-9A-Z ]*)(?:\[([0-9])(?:-([0-9])|([0-9]*))\])?(?:\\d(?:\{\d+,?\d*\})?)*")


def ranges_of(pattern: str) -> list[tuple[str, str]] | None:
    """The ranges of a pattern of fixed beginnings, one class of digits and any digits; None for any other."""
    ranges = []
    for one in pattern.removeprefix("(").removesuffix(")").split("|"):
        match = _ONE.fullmatch(one)
        if match is None:
            return None
        fixed, low, high, listed = plain_text(match[1]), match[2] or "", match[3], match[4] or ""
        digits = low + listed
        # Digits that are listed must follow each other, or they are no range.
        if high is None and any(int(right) != int(left) + 1 for left, right in itertools.pairwise(digits)):
            return None
        ranges.append((fixed + low, fixed + (high or digits[-1:])))
    return ranges if all(start and start <= end for start, end in ranges) else None
