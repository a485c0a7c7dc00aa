"""Changing an order after it was placed: fewer of its units, more goods, and what that comes to. Pure.

fewer    units that were not sent are taken out; what they were worth is credited, as when units are canceled
more     lines that are added at today's price, with today's tax; the lines that are there stay as they were agreed
the sum  is asked for, or given back: an order that was paid is pending again while something is due
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pannier.inventory import InsufficientStockError
from pannier.orders import refund_rules
from pannier.orders.errors import OrderChangedError, OrderNotEditableError, OrderQuantityError
from pannier.orders.models import LineUnits, Order, OrderLine, OrderStatus, PaymentStatus, StockAction, Transition
from pannier.orders.rules import balance_of, credit_rows, credits_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Goods that come into an order, priced. `row` is the line as it is stored, but its stock; amounts in minor units.

    `taxes` are its parts by rate, as in the order's quote; `tax_added_minor` is what of the tax the price lacks.
    """

    row: Mapping[str, Any]
    tax_added_minor: int = 0
    taxes: Sequence[Mapping[str, Any]] = ()

    @property
    def variant_id(self) -> uuid.UUID:
        return uuid.UUID(str(self.row["variant_id"]))

    @property
    def charge_minor(self) -> int:
        """What it adds to the order's total."""
        return int(self.row["total_minor"]) + self.tax_added_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What is to become of an order: units left on lines, goods that are added, and what is free to be promised."""

    quantities: Mapping[uuid.UUID, int] = field(default_factory=dict)
    added: Sequence[Addition] = ()
    stock: StockAction = "hold"
    #: Of what is added, units that anybody may have, where they are counted: None is any number, and below nothing is
    #: what was promised beyond what is there by now.
    available: Mapping[uuid.UUID, int | None] = field(default_factory=dict)
    #: The version that was looked at, where that matters.
    version: int | None = None


def edit(order: Order, wanted: Revision, refund_id: uuid.UUID, reason: str) -> Transition | None:
    """The step of an edit; None where nothing would change.

    Raises OrderNotEditableError, OrderChangedError, OrderQuantityError, InsufficientStockError.
    """
    if wanted.version is not None and wanted.version != order.version:
        raise OrderChangedError(
            f"Order {order.number} is at version {order.version} by now. Look at it, then edit it again.",
            field="version",
            details={"version": order.version},
        )
    if order.status not in {"pending", "paid"}:
        raise OrderNotEditableError(
            f"Order {order.number} is {order.status}, so its goods are changed no more.",
            details={"status": order.status},
        )
    removed = _removed(order, wanted.quantities)
    if not removed and not wanted.added:
        return None
    if not wanted.added and sum(removed.values()) == sum(line.quantity_left for line in order.lines):
        raise OrderQuantityError(
            "Nothing would be left of the order. Cancel it instead.", field="items", details={"held": 0}
        )
    lines = {line.id: line for line in order.lines}
    credited = credits_of(order, removed)
    credit = sum(credited.values())
    step = Transition(
        order.status,
        order.payment_status,
        "order.edited",
        "move" if removed else None,
        units=[_taken_out(lines[line_id], units) for line_id, units in removed.items()],
        money={"credited": credit} if credit else {},
        rows={"credits": credit_rows(credited)},
    )
    return revised(order, step, wanted, credit, refund_id, reason)


def revised(
    order: Order,
    step: Transition,
    wanted: Revision,
    credit: int,
    refund_id: uuid.UUID,
    reason: str,
    return_id: uuid.UUID | None = None,
) -> Transition:
    """A step that credits so much, with goods that are added, and what is due or given back after both."""
    _require_stock(order, step, wanted)
    due = balance_of(order) - credit + sum(one.charge_minor for one in wanted.added)
    back = min(max(0, -due), sum(refund_rules.refundable(order)))
    data = {**step.data, "charged_minor": max(0, due), "given_back_minor": back, "currency": order.currency}
    rows = {**step.rows, "revision": True}
    if wanted.added:
        counted = {True: "awaited", False: "untracked"}
        added = [{**one.row, "stock_state": counted[one.variant_id in wanted.available]} for one in wanted.added]
        rows |= {"added": added, "figures": _figures(order, wanted)}
    status, payment = _standing(order, step, is_due=due > 0, is_added=bool(wanted.added))
    step = replace(step, status=status, payment_status=payment, data=data, rows=rows)
    if not back:
        return step
    begun = refund_rules.begun(order, back, (), refund_id, reason, return_id=return_id)
    return refund_rules.with_refund(order, step, begun)


def more_due(order: Order, step: Transition) -> int:
    """What is asked for beside what was due before the step, in minor units."""
    return max(0, int(step.data["charged_minor"]) - max(0, balance_of(order)))


def _removed(order: Order, quantities: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """Units that go, by line. Raises OrderQuantityError for a line that is not there, or has too few unsent units."""
    lines = {line.id: line for line in order.lines}
    removed = {}
    for line_id, quantity in quantities.items():
        line = lines.get(line_id)
        if line is None:
            raise OrderQuantityError(
                f"Order {order.number} has no line {line_id}. What it has stands in its `items`.",
                field="items",
                details={"line_id": str(line_id), "requested": quantity, "held": 0},
            )
        left, unsent = line.quantity_left, line.quantity_unsent
        gone = left - quantity
        if gone < 0 or gone > unsent:
            raise OrderQuantityError(
                f"The line has {left} units, of which {unsent} were not sent: {quantity} cannot be left of it. "
                "What comes on top is added as goods of its own, at today's price.",
                field="items",
                details={"line_id": str(line_id), "requested": quantity, "held": left},
            )
        if gone:
            removed[line_id] = gone
    return removed


def _taken_out(line: OrderLine, units: int) -> LineUnits:
    """Units that are promised are let go; those that were booked out, and never left, are for sale again."""
    release = min(units, line.quantity_held)
    restock = min(units - release, line.quantity_taken)
    return LineUnits(line.id, release=release, restock=restock, cancel=units)


def _require_stock(order: Order, step: Transition, wanted: Revision) -> None:
    """Raise InsufficientStockError where there is too little of what is added, with what the step itself sets free."""
    variants = {line.id: line.variant_id for line in order.lines}
    there = {variant: units for variant, units in wanted.available.items() if units is not None}
    for unit in step.units:
        variant = variants[unit.line_id]
        if variant in there:
            there[variant] += unit.release + unit.restock
    if wanted.stock == "await":
        return
    for one in wanted.added:
        if one.variant_id not in there:
            continue
        requested = int(one.row["quantity"])
        there[one.variant_id] -= requested
        if there[one.variant_id] < 0:
            available = max(0, there[one.variant_id] + requested)
            raise InsufficientStockError(
                f"{available} units of {one.row['name']} are there, and {requested} are to be added.",
                field="add",
                details={"variant_id": str(one.variant_id), "requested": requested, "available": available},
            )


def _standing(order: Order, step: Transition, *, is_due: bool, is_added: bool) -> tuple[OrderStatus, PaymentStatus]:
    """How it stands afterwards: what is due is pending, and what was added is still to be sent."""
    payment: PaymentStatus = "pending" if is_due else order.payment_status
    if not is_due and not is_added and _is_paid_as_before(order, step):
        return ("paid" if order.status == "pending" else order.status), "paid"
    if order.status in {"canceled", "pending"} or not (is_added or is_due):
        return order.status, payment
    return ("paid" if payment == "paid" else "pending") if is_added or order.status == "paid" else order.status, payment


def _is_paid_as_before(order: Order, step: Transition) -> bool:
    """Whether it was paid, had more due since, and has no longer: then its goods have what being paid gives them."""
    taken_out = {unit.line_id: unit.cancel for unit in step.units}
    return (
        order.payment_status == "pending"
        and any(state.payment_status == "paid" for state in order.states)
        and not any(
            line.stock_state == "awaited" and line.quantity_left > taken_out.get(line.id, 0) for line in order.lines
        )
    )


def _figures(order: Order, wanted: Revision) -> dict[str, Any]:
    """The order's figures with what is added, whole: an added line has its own tax, and no part of the shipping."""
    rows = [one.row for one in wanted.added]
    goods = sum(int(row["quantity"]) * int(row["unit_price_minor"]) for row in rows)
    discount = sum(int(row["discount_minor"]) for row in rows)
    tax = sum(int(row["tax_minor"]) for row in rows)
    tax_added = sum(one.tax_added_minor for one in wanted.added)
    total = goods - discount + tax_added
    quote = dict(order.quote)
    quote["lines"] = [*quote.get("lines", []), *[_quoted(one) for one in wanted.added]]
    if isinstance(quote.get("taxes"), list):
        quote["taxes"] = _taxes(quote["taxes"], wanted.added)
    more = {"subtotal_minor": goods, "discount_minor": discount, "tax_minor": tax, "tax_added_minor": tax_added}
    if isinstance(quote.get("totals"), Mapping):
        deltas = {**more, "total_minor": total, "net_minor": total - tax}
        quote["totals"] = {
            name: value + deltas.get(name, 0) if isinstance(value, int) else value
            for name, value in quote["totals"].items()
        }
    return {
        "subtotal_minor": order.subtotal_minor + goods,
        "discount_minor": order.discount_minor + discount,
        "tax_minor": order.tax_minor + tax,
        "tax_added_minor": order.tax_added_minor + tax_added,
        "total_minor": order.total_minor + total,
        "total_quantity": order.total_quantity + sum(int(row["quantity"]) for row in rows),
        "quote": quote,
        "stock": wanted.stock,
    }


def _quoted(one: Addition) -> dict[str, Any]:
    row = one.row
    return {
        "line_id": row["id"],
        "unit_price": row["unit_price_minor"],
        "quantity": row["quantity"],
        "subtotal": int(row["quantity"]) * int(row["unit_price_minor"]),
        "total": row["total_minor"],
        "tax": row["tax_minor"],
        "tax_included": int(row["tax_minor"]) - one.tax_added_minor,
        "tax_added": one.tax_added_minor,
        "tax_category": row["display"].get("tax_category", ""),
    }


def _taxes(known: Sequence[Mapping[str, Any]], added: Sequence[Addition]) -> list[dict[str, Any]]:
    """The parts by rate with those of the added lines: a rate that is there grows, another one comes behind."""
    parts = [dict(part) for part in known]
    for tax in [tax for one in added for tax in one.taxes]:
        key = ("rate_id", "percent", "included")
        found = next((part for part in parts if all(part.get(name) == tax[name] for name in key)), None)
        if found is None:
            parts.append(dict(tax))
        else:
            found["base_minor"] += tax["base_minor"]
            found["amount_minor"] += tax["amount_minor"]
    return parts
