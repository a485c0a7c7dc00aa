"""What came back: each unit of a C invoice beside the sale it was sold in, or told as never sold here. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Back:
    """Units of one code at one price that a C invoice, or a row without a price, takes out of the books."""

    number: str
    code: str
    unit_price_minor: int
    quantity: int
    customer: str = ""

    @property
    def value_minor(self) -> int:
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True)
class Sale:
    """Units of one code at one price that an invoice sold to a customer, at a place among the rows."""

    place: int
    invoice: str
    customer: str
    code: str
    unit_price_minor: int
    quantity: int


@dataclass(frozen=True)
class Return:
    """Units that come back against a sale."""

    number: str
    invoice: str
    code: str
    unit_price_minor: int
    quantity: int

    @property
    def value_minor(self) -> int:
        return self.quantity * self.unit_price_minor


def match(sales: Sequence[Sale], backs: Sequence[tuple[int, Back]]) -> tuple[list[Return], list[Back]]:
    """Each unit against the newest earlier sale of the same customer, code and price that has units left.

    `backs` are (place among the rows, units). Answers the returns, and what was never sold here: a customer whom the
    files do not name is nobody's same customer.
    """
    left: dict[tuple[str, str, int], list[list[int | str]]] = {}
    returns: list[Return] = []
    adjustments: list[Back] = []
    for back in _in_order(sales, backs):
        if isinstance(back, Sale):
            key = (back.customer, back.code, back.unit_price_minor)
            left.setdefault(key, []).append([back.invoice, back.quantity])
            continue
        rest = back.quantity
        stack = left.get((back.customer, back.code, back.unit_price_minor), []) if back.customer else []
        while rest and stack:
            invoice, there = str(stack[-1][0]), int(stack[-1][1])
            units = min(rest, there)
            returns.append(Return(back.number, invoice, back.code, back.unit_price_minor, units))
            rest -= units
            stack[-1][1] = there - units
            if there == units:
                stack.pop()
        if rest:
            adjustments.append(Back(back.number, back.code, back.unit_price_minor, rest, back.customer))
    return _together(returns), adjustments


def _in_order(sales: Sequence[Sale], backs: Sequence[tuple[int, Back]]) -> Iterator[Sale | Back]:
    rows: list[tuple[int, Sale | Back]] = [(sale.place, sale) for sale in sales]
    rows += backs
    for _, row in sorted(rows, key=lambda entry: entry[0]):
        yield row


def _together(returns: Sequence[Return]) -> list[Return]:
    """One entry for each return, sale, code and price."""
    units: dict[tuple[str, str, str, int], int] = {}
    for one in returns:
        key = (one.number, one.invoice, one.code, one.unit_price_minor)
        units[key] = units.get(key, 0) + one.quantity
    return [Return(*key, quantity) for key, quantity in units.items()]


def by_sale(returns: Sequence[Return]) -> Mapping[tuple[str, str], list[Return]]:
    """The returns of each C invoice against each sale."""
    found: dict[tuple[str, str], list[Return]] = {}
    for one in returns:
        found.setdefault((one.number, one.invoice), []).append(one)
    return found
