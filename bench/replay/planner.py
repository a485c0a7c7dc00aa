"""What the rows amount to: invoices to book, the catalogue they need, and what is only counted. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from bench.replay.reader import Finding, Row, Severity
from bench.replay.returns import Back, Return, Sale, match
from pannier.kernel.money import minor_digits, round_fraction

CURRENCY = "GBP"
_SALE = re.compile(r"[0-9]+")
_CANCELLATION = re.compile(r"[Cc][0-9]+")
_ADJUSTMENT = re.compile(r"[Aa][0-9]+")


@dataclass(frozen=True)
class Line:
    """Units of one code at one price, in minor units."""

    code: str
    unit_price_minor: int
    quantity: int


@dataclass(frozen=True)
class Invoice:
    """One invoice to become one order."""

    number: str
    lines: tuple[Line, ...]
    date: str
    customer: str
    country: str

    @property
    def total_minor(self) -> int:
        return sum(line.quantity * line.unit_price_minor for line in self.lines)

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True)
class Product:
    """One code of the catalogue: its first description and price, and the units that the file sells of it."""

    code: str
    description: str
    unit_price_minor: int
    units: int

    def opening_stock(self, fraction: Fraction) -> int:
        """What is on hand at the start, rounded down."""
        return int(self.units * fraction)


@dataclass
class Plan:
    """Everything the files ask for. Row counts by kind are in `counts`."""

    invoices: list[Invoice] = field(default_factory=list)
    products: dict[str, Product] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    cancellations: set[str] = field(default_factory=set)
    #: What came back, against the sale it was sold in; what was never sold here; and units that were written off.
    returns: list[Return] = field(default_factory=list)
    never_sold: list[Back] = field(default_factory=list)
    write_offs: list[Back] = field(default_factory=list)
    #: Accounting adjustments: (invoice, description, amount as it stands).
    adjustments: list[tuple[str, str, str]] = field(default_factory=list)
    #: Numbers of invoices that a row nobody can read made incomplete.
    incomplete: list[str] = field(default_factory=list)
    #: What the sellable rows come to before any rounding, in major units.
    exact_total: Fraction = Fraction(0)

    @property
    def total_minor(self) -> int:
        return sum(invoice.total_minor for invoice in self.invoices)

    @property
    def units(self) -> int:
        return sum(invoice.units for invoice in self.invoices)

    @property
    def net_minor(self) -> int:
        """What is left of the sales when everything has come back that did."""
        gone = sum(one.value_minor for one in self.returns) + sum(one.value_minor for one in self.never_sold)
        return self.total_minor - gone

    @property
    def rows(self) -> int:
        """Sellable rows."""
        return self.counts["sellable"]


def make_plan(rows: Sequence[Row], findings: Iterable[Finding] = ()) -> Plan:
    """Sort the rows into what is sold and what is counted, in the order they came."""
    plan = Plan(findings=list(findings))
    sold: dict[str, list[Row]] = {}
    incomplete: dict[str, None] = {}
    for row in rows:
        kind = _kind(row)
        plan.counts["rows"] += 1
        plan.counts[kind] += 1
        if kind == "sellable":
            sold.setdefault(row.invoice, []).append(row)
        elif kind == "cancellation":
            plan.cancellations.add(row.invoice)
        elif kind == "adjustment":
            plan.adjustments.append((row.invoice, row.description, f"{float(row.unit_price):.2f}"))
        elif kind == "foreign":
            reason = f"{row.invoice!r} is neither a number nor a C or A with one"
            plan.findings.append(Finding(row.file, row.line, Severity.refusal, "InvoiceNo", reason))
        elif kind == "unreadable" and _SALE.fullmatch(row.invoice):
            incomplete[row.invoice] = None
    plan.incomplete = list(incomplete)
    kept = {number: lines for number, lines in sold.items() if number not in incomplete}
    plan.counts["sellable"] = sum(map(len, kept.values()))
    for number, invoice_rows in kept.items():
        plan.invoices.append(_invoice(number, invoice_rows, plan))
    _fill_catalogue(plan, [row for lines in kept.values() for row in lines])
    _take_back(plan, rows)
    return plan


def _take_back(plan: Plan, rows: Sequence[Row]) -> None:
    """Everything that goes out of the books again, and the codes that only came back in the catalogue."""
    kept = {invoice.number for invoice in plan.invoices}
    sales, backs, beside = [], [], []
    for place, row in enumerate(rows):
        kind = _kind(row)
        if kind == "sellable" and row.invoice in kept:
            parts = _parts(row.unit_price, row.quantity)
            sales += [Sale(place, row.invoice, row.customer, row.code, price, units) for price, units in parts]
        elif kind == "cancellation" and row.quantity < 0 and row.unit_price >= 0:
            parts = _parts(row.unit_price, -row.quantity)
            backs += [(place, Back(row.invoice, row.code, price, units, row.customer)) for price, units in parts]
            beside.append(row)
        elif kind == "write_off":
            plan.write_offs.append(Back(row.invoice, row.code, 0, -row.quantity))
            beside.append(row)
    plan.returns, plan.never_sold = match(sales, backs)
    for row in beside:
        if row.code not in plan.products:
            price = round_fraction(row.unit_price * 10 ** minor_digits(CURRENCY))
            plan.products[row.code] = Product(row.code, row.description, price, 0)


def _parts(unit_price: Fraction, quantity: int) -> list[tuple[int, int]]:
    """(price, units) in pence; a price finer than a penny is spread over two neighbouring ones."""
    exact = unit_price * 10 ** minor_digits(CURRENCY)
    if exact.denominator == 1:
        return [(int(exact), quantity)]
    lower, dearer = divmod(round_fraction(exact * quantity), quantity)
    return [(price, units) for price, units in ((lower, quantity - dearer), (lower + 1, dearer)) if units]


def refused_of(plan: Plan, fraction: Fraction) -> list[str]:
    """The invoices that cannot be filled whole when they come one after the other to that share of the stock."""
    left = {code: product.opening_stock(fraction) for code, product in plan.products.items()}
    refused = []
    for invoice in plan.invoices:
        wanted: Counter[str] = Counter()
        for line in invoice.lines:
            wanted[line.code] += line.quantity
        if any(left[code] < units for code, units in wanted.items()):
            refused.append(invoice.number)
        else:
            for code, units in wanted.items():
                left[code] -= units
    return refused


def _kind(row: Row) -> str:
    if not row.is_readable:
        return "unreadable"
    if _CANCELLATION.fullmatch(row.invoice):
        return "cancellation"
    if _ADJUSTMENT.fullmatch(row.invoice):
        return "adjustment"
    if not _SALE.fullmatch(row.invoice):
        return "foreign"
    if row.quantity < 0:
        return "write_off"
    if row.quantity == 0 or row.unit_price <= 0:
        return "unpriced"
    return "sellable"


def _invoice(number: str, rows: Sequence[Row], plan: Plan) -> Invoice:
    units: dict[tuple[str, int], int] = {}
    for row in rows:
        plan.exact_total += row.quantity * row.unit_price
        for price_minor, quantity in _in_minor_units(row, plan):
            key = (row.code, price_minor)
            units[key] = units.get(key, 0) + quantity
    first = rows[0]
    lines = tuple(Line(code, price, quantity) for (code, price), quantity in units.items())
    return Invoice(number, lines, first.date, first.customer, first.country)


def _in_minor_units(row: Row, plan: Plan) -> list[tuple[int, int]]:
    """(price, units) of the row in pence. A price finer than a penny is told and spread over two neighbouring
    prices, so that the row still comes to the file's amount, rounded once to the penny."""
    exact = row.unit_price * 10 ** minor_digits(CURRENCY)
    if exact.denominator == 1:
        return [(int(exact), row.quantity)]
    parts = _parts(row.unit_price, row.quantity)
    told = " and ".join(f"{quantity} at {price}p" for price, quantity in parts)
    reason = f"{float(row.unit_price):g} is finer than a penny: booked as {told}"
    plan.findings.append(Finding(row.file, row.line, Severity.warning, "UnitPrice", reason))
    plan.counts["fine_price"] += 1
    return parts


def _fill_catalogue(plan: Plan, rows: Sequence[Row]) -> None:
    units: Counter[str] = Counter()
    described: dict[str, str] = {}
    prices: dict[str, int] = {}
    for row in rows:
        units[row.code] += row.quantity
        prices.setdefault(row.code, round_fraction(row.unit_price * 10 ** minor_digits(CURRENCY)))
        if row.description:
            described.setdefault(row.code, row.description)
    for code, count in units.items():
        plan.products[code] = Product(code, described.get(code, ""), prices[code], count)
