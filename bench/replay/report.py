"""What a replay came to. Orders, money and units are counted by the database, whoever booked them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.replay.planner import CURRENCY, Plan
from bench.replay.reader import Severity
from bench.replay.taking_back import TakenBack
from pannier.kernel.money import Money, format_amount
from pannier.platform.database import Database

_SHOWN = 20


@dataclass
class Tally:
    """What this run did, as far as it got: numbers of invoices, and why some were refused."""

    booked: int = 0
    booked_before: int = 0
    lines: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    taken: TakenBack = field(default_factory=TakenBack)


@dataclass(frozen=True)
class Report:
    """The figures a replay ends with; `orders`, `total` and `units` are the database's."""

    orders: int
    total: Money
    units: int
    expected_orders: int
    expected_total: Money
    expected_units: int
    exact_total: str
    rows: Mapping[str, int]
    booked_now: int
    booked_before: int
    refused: Mapping[str, str]
    incomplete: list[str]
    #: What is left of the sales, by the orders' own books less what was adjusted; and what the files say.
    net: Money
    expected_net: Money
    taken: TakenBack
    cancellations: int
    adjustments: list[tuple[str, str, str]]
    findings: Mapping[str, int]
    seconds: float
    lines_per_second: float
    audit: str

    @property
    def is_complete(self) -> bool:
        """Every invoice is an order of the file's amount, or was refused and told."""
        return (
            self.orders + len(self.refused) == self.expected_orders
            and (bool(self.refused) or (self.total, self.units) == (self.expected_total, self.expected_units))
            and (bool(self.refused) or (self.net == self.expected_net and not self.taken.without_order))
            and not self.incomplete
            and self.audit == "clean"
        )


async def make_report(db: Database, plan: Plan, tally: Tally, seconds: float, audit: str) -> Report:
    """Ask the database what stands booked for the plan's invoices, and put it beside what the files say."""
    async with db.read() as connection:
        row = await connection.fetchrow(
            "select count(*), coalesce(sum(total_minor), 0)::bigint, coalesce(sum(total_quantity), 0)::bigint, "
            "coalesce(sum(total_minor - credited_minor), 0)::bigint "
            "from orders where external_reference = any($1)",
            [invoice.number for invoice in plan.invoices],
        )
    assert row is not None
    findings = Counter(f"{f.severity} {f.column}".strip() for f in plan.findings)
    return Report(
        orders=row[0],
        total=Money(row[1], CURRENCY),
        units=row[2],
        expected_orders=len(plan.invoices),
        expected_total=Money(plan.total_minor, CURRENCY),
        expected_units=plan.units,
        exact_total=f"{float(plan.exact_total):.4f}",
        rows=dict(plan.counts),
        booked_now=tally.booked,
        booked_before=tally.booked_before,
        refused=tally.refused,
        incomplete=plan.incomplete,
        net=Money(row[3] - tally.taken.adjusted_minor, CURRENCY),
        expected_net=Money(plan.net_minor, CURRENCY),
        taken=tally.taken,
        cancellations=len(plan.cancellations),
        adjustments=plan.adjustments,
        findings=dict(findings),
        seconds=round(seconds, 3),
        lines_per_second=round(tally.lines / seconds, 1) if seconds else 0.0,
        audit=audit,
    )


def as_text(report: Report, plan: Plan) -> str:
    """The report for people."""
    counts, taken = report.rows, report.taken
    lines = [
        (
            f"Orders       {report.orders:,} of {report.expected_orders:,} invoices, "
            f"£{_pounds(report.total)}, {report.units:,} units"
        ),
        (
            f"The files    £{_pounds(report.expected_total)}, {report.expected_units:,} units in "
            f"{counts.get('sellable', 0):,} sellable of {counts.get('rows', 0):,} rows"
        ),
        (
            f"This run     {report.booked_now:,} booked, {report.booked_before:,} were booked before, "
            f"{len(report.refused):,} refused, in {report.seconds:.1f} s, {report.lines_per_second:,.0f} lines/s"
        ),
        (
            f"Came back    {taken.returned_units:,} units for £{_pounds(Money(taken.returned_minor, CURRENCY))} "
            f"in {taken.returns:,} returns; {taken.adjusted_units:,} for "
            f"£{_pounds(Money(taken.adjusted_minor, CURRENCY))} were never sold here, and are adjustments; "
            f"{taken.written_off_units:,} were written off"
        ),
        f"Net          £{_pounds(report.net)}, and £{_pounds(report.expected_net)} by the files",
        (
            f"Counted      {report.cancellations:,} cancellations (C), {len(report.adjustments):,} adjustments (A), "
            f"{counts.get('write_off', 0):,} write-off rows, {counts.get('unpriced', 0):,} rows without a price"
        ),
        f"Audit        {report.audit}",
    ]
    if counts.get("fine_price"):
        lines.append(
            f"Fine prices  {counts['fine_price']:,} rows have prices finer than a penny; exactly, "
            f"the files come to £{report.exact_total}"
        )
    lines += [f"Adjustment   {number}: {text}, {amount}" for number, text, amount in report.adjustments]
    if report.incomplete:
        lines.append(f"Incomplete   not booked, since a row cannot be read: {', '.join(report.incomplete)}")
    lines += _some(f"No order     for the return {which}, since that was refused" for which in taken.without_order)
    lines += _some(f"Refused      {number}: {reason}" for number, reason in report.refused.items())
    ordered = sorted(plan.findings, key=lambda finding: finding.severity is Severity.warning)
    lines += _some(f"{f.severity.capitalize():<12} {f.file}:{f.line} {f.column} {f.reason}" for f in ordered)
    return "\n".join(lines)


def _some(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = len(found) - _SHOWN
    return [*found[:_SHOWN], *([f"             … and {more:,} more; --json lists all"] if more > 0 else [])]


def _pounds(money: Money) -> str:
    whole, _, pence = format_amount(money.amount, money.currency).partition(".")
    return f"{int(whole):,}.{pence}"
