"""Which format a file is in, and what reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pannier.tax.files import ibericode, kdeldycke, node_sales_tax, us_states
from pannier.tax.files.rows import Reader

TaxFormat = Literal["ibericode", "kdeldycke", "us-states", "node-sales-tax"]
READERS: Final[Mapping[TaxFormat, Reader]] = {
    "ibericode": ibericode.read,
    "kdeldycke": kdeldycke.read,
    "us-states": us_states.read,
    "node-sales-tax": node_sales_tax.read,
}
#: What only files of a format have near their beginning.
_MARKS: Final[Mapping[str, TaxFormat]] = {
    "ibericode/vat-rates": "ibericode",
    "territory_codes": "kdeldycke",
    "state_rate_pct": "us-states",
    '"type"': "node-sales-tax",
}
_HEAD = 2_000


def format_of(text: str) -> TaxFormat | None:
    """The format a text looks like; None for none of them."""
    head = text[:_HEAD]
    return next((format_ for mark, format_ in _MARKS.items() if mark in head), None)
