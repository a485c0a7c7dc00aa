"""What the rows amount to: invoices, catalogue, and what is only counted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from bench.replay.planner import Line, Plan, Product, make_plan
from bench.replay.reader import read_folder, read_text
from bench.replay.returns import Back, Return, Sale, match

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def plan_of(*rows: str) -> Plan:
    """A plan of rows `InvoiceNo,StockCode,Description,Quantity,UnitPrice`."""
    lines = []
    for row in rows:
        *head, price = row.split(",")
        lines.append(",".join([*head, "2010-12-01", price, "", "UK"]))
    return make_plan(*read_text("a.csv", (HEADER + "\n".join(lines) + "\n").encode()))


def test_an_invoice_keeps_its_codes_case_and_its_prices() -> None:
    plan = plan_of("1,a,x,2,1.50", "1,A,y,1,1.50", "1,a,x,3,1.50", "1,a,x,1,1.25")

    assert [invoice.lines for invoice in plan.invoices] == [(Line("a", 150, 5), Line("A", 150, 1), Line("a", 125, 1))]
    assert (plan.total_minor, plan.units, plan.rows) == (1025, 7, 4)


def test_a_product_has_the_first_description_that_is_one_and_opens_with_what_is_sold() -> None:
    plan = plan_of("1,a,,2,1.50", "2,a,LAMP,1,2.00", "3,a,lamp?,4,1.50")

    assert plan.products == {"a": Product("a", "LAMP", 150, 7)}
    assert plan.products["a"].opening_stock(Fraction("0.5")) == 3


def test_only_numbered_invoices_with_quantity_and_price_are_sold() -> None:
    plan = plan_of(
        "1,a,x,1,1.00", "C2,a,x,-1,1.00", "C2,b,x,-1,1.00", "A3,B,Adjust bad debt,1,-11062.06",
        "4,a,lost,-5,0", "5,a,given,5,0", "6,a,odd,1,-1.00", "X7,a,x,1,1.00", "7.0,a,x,1,1.00",
    )  # fmt: skip

    assert [invoice.number for invoice in plan.invoices] == ["1"]
    assert plan.cancellations == {"C2"}
    assert plan.adjustments == [("A3", "Adjust bad debt", "-11062.06")]
    assert (plan.counts["write_off"], plan.counts["unpriced"], plan.counts["foreign"]) == (1, 2, 2)
    assert [(finding.line, finding.column) for finding in plan.findings] == [(9, "InvoiceNo"), (10, "InvoiceNo")]


def test_an_invoice_with_a_row_nobody_can_read_is_not_booked_in_part() -> None:
    plan = plan_of("1,a,x,1,1.00", "1,b,x,many,1.00", "2,a,x,1,1.00")

    assert [invoice.number for invoice in plan.invoices] == ["2"]
    assert plan.incomplete == ["1"]
    assert plan.products["a"].units == 1


@pytest.mark.parametrize(
    "quantity, price, lines",
    [
        (500, "0.085", (Line("a", 8, 250), Line("a", 9, 250))),
        (1, "0.001", (Line("a", 0, 1),)),
        (3, "1.335", (Line("a", 133, 1), Line("a", 134, 2))),
        (10, "0.0100", (Line("a", 1, 10),)),
    ],
)
def test_a_price_finer_than_a_penny_still_comes_to_the_amount_of_its_row(
    quantity: int, price: str, lines: tuple[Line, ...]
) -> None:
    plan = plan_of(f"1,a,x,{quantity},{price}")

    (invoice,) = plan.invoices
    assert invoice.lines == lines
    assert invoice.units == quantity
    assert abs(invoice.total_minor - plan.exact_total * 100) <= Fraction(1, 2)
    assert [finding.column for finding in plan.findings] == (["UnitPrice"] if price != "0.0100" else [])


@pytest.mark.shared_data
def test_december_2010_is_what_its_notes_say(shared_data: Path) -> None:
    plan = make_plan(*read_folder(shared_data / "transactions" / "online-retail-2010-12"))

    assert plan.counts["rows"] == 42_481
    assert (plan.rows, len(plan.invoices)) == (41_480, 1_559)
    assert (plan.total_minor, plan.units) == (82_374_614, 359_239)
    assert plan.exact_total == Fraction("823746.14")
    assert plan.findings == []
    two_prices = [i for i in plan.invoices if len({line.code for line in i.lines}) < len(i.lines)]
    assert len(two_prices) == 29
    beyond_limits = [invoice for invoice in plan.invoices if invoice.units > 100]
    assert len(beyond_limits) == 840


def test_what_comes_back_goes_against_the_newest_earlier_sale_of_the_same_customer_code_and_price() -> None:
    sales = [
        Sale(1, "1", "ann", "a", 150, 5),
        Sale(2, "2", "ann", "a", 150, 2),
        Sale(3, "3", "bob", "a", 150, 9),
        Sale(4, "4", "ann", "a", 125, 9),
        Sale(9, "5", "ann", "a", 150, 9),
    ]
    backs = [(5, Back("C6", "a", 150, 3, "ann")), (6, Back("C7", "a", 150, 5, "ann")), (7, Back("C8", "a", 150, 1))]

    returns, never_sold = match(sales, backs)

    assert returns == [Return("C6", "2", "a", 150, 2), Return("C6", "1", "a", 150, 1), Return("C7", "1", "a", 150, 4)]
    assert never_sold == [Back("C7", "a", 150, 1, "ann"), Back("C8", "a", 150, 1)]
