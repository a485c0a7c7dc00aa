"""Goods that come back: which may, and what each step does. Pure.

requested → approved → received → completed      looked at: for sale again, or written off; then refunded
    ├→ rejected             (also from approved and received)
    └→ canceled             (also from approved): goods that the shop has are kept by nobody
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pannier.orders import refund_rules
from pannier.orders.errors import OrderQuantityError, ReturnNotFoundError, ReturnStateError
from pannier.orders.models import Aftermath, LineUnits, Order, Return, ReturnState, Transition
from pannier.orders.rules import credit_rows, credits_of

OPEN: frozenset[ReturnState] = frozenset({"requested", "approved", "received"})
#: From which states a step may be taken.
_FROM: Mapping[ReturnState, frozenset[ReturnState]] = {
    "approved": frozenset({"requested"}),
    "received": frozenset({"requested", "approved"}),
    "completed": frozenset({"requested", "approved", "received"}),
    "rejected": OPEN,
    "canceled": frozenset({"requested", "approved"}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Units of a line that somebody wants to send back, and why."""

    line_id: uuid.UUID
    quantity: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking at a line's units came to: so many for sale again, so many written off; the rest never came."""

    line_id: uuid.UUID
    restocked: int = 0
    written_off: int = 0


def request(
    order: Order,
    asked: Sequence[Asked],
    return_id: uuid.UUID,
    reason: str,
    *,
    is_approved: bool,
    exchange_for: Sequence[Mapping[str, Any]] = (),
) -> Transition:
    """The step of a return's being asked for. Raises OrderQuantityError for units that are not with the customer."""
    lines = {line.id: line for line in order.lines}
    units: dict[uuid.UUID, int] = {}
    for one in asked:
        units[one.line_id] = units.get(one.line_id, 0) + one.quantity
    for line_id, quantity in units.items():
        there = lines[line_id].quantity_returnable if line_id in lines else 0
        if quantity > there:
            raise OrderQuantityError(
                f"{there} of these units can be sent back, and {quantity} are to be.",
                field="items",
                details={"line_id": str(line_id), "requested": quantity, "held": there},
            )
    state: ReturnState = "approved" if is_approved else "requested"
    why = {one.line_id: one.reason for one in asked}
    return Transition(
        order.status,
        order.payment_status,
        f"order.return_{state}",
        "move",
        data={"return": {"id": return_id, "state": state}},
        units=[LineUnits(line_id, coming=quantity) for line_id, quantity in units.items()],
        rows={
            "return": {"id": return_id, "state": state, "reason": reason, "exchange_for": list(exchange_for)},
            "return_lines": [
                {"line_id": line_id, "quantity": quantity, "reason": why[line_id]}
                for line_id, quantity in units.items()
            ],
        },
    )


def find(after: Aftermath, return_id: uuid.UUID) -> Return:
    """The return. Raises ReturnNotFoundError."""
    found = next((one for one in after.returns if one.id == return_id), None)
    if found is None:
        raise ReturnNotFoundError("The order has no such return.", field="return_id")
    return found


def open_return(one: Return) -> Return:
    """The return, of which something is still to be decided. Raises ReturnStateError."""
    if one.state not in OPEN:
        raise ReturnStateError(
            f"The return is {one.state}, so nothing is exchanged for it any more.",
            field="return_id",
            details={"state": one.state},
        )
    return one


def move_on(order: Order, one: Return, to: ReturnState, answer: str) -> Transition | None:
    """A step that moves no goods, or gives up: None when it was taken. Raises ReturnStateError."""
    if one.state == to:
        return None
    _require(one, to)
    ends = to in {"rejected", "canceled"}
    return Transition(
        order.status,
        order.payment_status,
        f"order.return_{to}",
        "move" if ends else None,
        data={"return": {"id": one.id, "state": to}},
        units=[LineUnits(line.line_id, coming=-line.quantity) for line in one.lines] if ends else (),
        rows={"return": {"id": one.id, "state": to, "answer": answer or one.answer}},
    )


def complete(
    order: Order, one: Return, looked: Sequence[Looked] | None, refund_id: uuid.UUID, *, pays_back: bool, answer: str
) -> Transition | None:
    """The step of goods' having been looked at: they are in the books again, and their value is given back.

    Without `looked` all units are for sale again. What has not been paid is only asked for no longer. Raises
    ReturnStateError, OrderQuantityError.
    """
    if one.state == "completed":
        return None
    _require(one, "completed")
    found = _looked(one, looked)
    came = {line_id: look.restocked + look.written_off for line_id, look in found.items()}
    lines = {line.id: line for line in order.lines}
    values = credits_of(order, came)
    credit = sum(values.values())
    units = []
    for line in one.lines:
        look = found[line.line_id]
        # Of what is not counted nothing is booked.
        counted = min(came[line.line_id], lines[line.line_id].quantity_taken)
        written = min(look.written_off, counted)
        units.append(
            LineUnits(
                line.line_id,
                restock=counted - written,
                write_off=written,
                coming=-line.quantity,
                returned=came[line.line_id],
            )
        )
    rows: dict[str, Any] = {
        "return": {"id": one.id, "state": "completed", "answer": answer or one.answer, "credited_minor": credit},
        "return_lines": [
            {
                "line_id": line.line_id,
                "quantity": line.quantity,
                "restocked": found[line.line_id].restocked,
                "written_off": found[line.line_id].written_off,
                "credited_minor": values.get(line.line_id, 0),
            }
            for line in one.lines
        ],
        "credits": credit_rows(values),
    }
    money = {"credited": credit} if credit else {}
    data: dict[str, Any] = {"return": {"id": one.id, "state": "completed", "credited_minor": credit}}
    step = Transition(
        order.status, order.payment_status, "order.return_completed", "move", data, units=units, money=money, rows=rows
    )
    back = refund_rules.too_much(order, credit) if pays_back and not one.exchange_for else 0
    if not back:
        return step
    begun = refund_rules.begun(order, back, credit_rows(values), refund_id, one.reason, return_id=one.id)
    return refund_rules.with_refund(order, step, begun)


def _looked(one: Return, looked: Sequence[Looked] | None) -> dict[uuid.UUID, Looked]:
    if looked is None:
        return {line.line_id: Looked(line.line_id, restocked=line.quantity) for line in one.lines}
    by_line = {line.line_id: Looked(line.line_id) for line in one.lines}
    for look in looked:
        by_line_quantity = next((line.quantity for line in one.lines if line.line_id == look.line_id), 0)
        if look.restocked + look.written_off > by_line_quantity:
            raise OrderQuantityError(
                f"{by_line_quantity} of these units were to come back, not {look.restocked + look.written_off}.",
                field="items",
                details={
                    "line_id": str(look.line_id),
                    "requested": look.restocked + look.written_off,
                    "held": by_line_quantity,
                },
            )
        by_line[look.line_id] = look
    return by_line


def _require(one: Return, to: ReturnState) -> None:
    if one.state not in _FROM[to]:
        raise ReturnStateError(
            f"The return is {one.state}, so it cannot become {to}.", field="return_id", details={"state": one.state}
        )
