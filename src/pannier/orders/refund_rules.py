"""What may be given back of an order, and to where. Pure.

money       what was paid and is not being given back
purses      what gift cards and store credit paid and have not got back; points stay paid
a line      what it costs with its tax, less what of it was credited by whatever step
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pannier.orders.errors import OrderQuantityError, RefundExceedsError
from pannier.orders.models import Order, Refund, Transition
from pannier.orders.rules import balance_of, credit_rows, line_rooms, stood


@dataclass(frozen=True, slots=True)
class Wanted:
    """A refund that somebody asks for: an amount, or amounts of lines; all there is when neither is named."""

    amount_minor: int | None = None
    lines: Mapping[uuid.UUID, int] | None = None


def refundable(order: Order) -> tuple[int, int]:
    """What can be given back, in minor units: in money, and to gift cards, credit and points."""
    return order.captured_minor - order.refunding_minor, order.tendered_minor - order.given_back_minor


def ask(order: Order, wanted: Wanted, refund_id: uuid.UUID, reason: str) -> Transition:
    """The step of a refund's being asked for. Raises RefundExceedsError, OrderQuantityError for an unknown line."""
    money, purses = refundable(order)
    amount = money + purses if wanted.amount_minor is None else wanted.amount_minor
    parts: list[dict[str, Any]] = []
    credited: Mapping[uuid.UUID, int] = {}
    if wanted.lines is not None:
        parts, credited = _line_parts(order, wanted.lines)
        amount = sum(part["amount_minor"] for part in parts)
    if amount > money + purses or amount == 0:
        raise exceeds(amount, money + purses)
    # What the shop has too much is given back first: it is asked for no longer as it is.
    owed = max(0, -balance_of(order))
    if order.status == "canceled":
        return begun(order, amount, parts, refund_id, reason)
    step = begun(order, amount, parts, refund_id, reason, credit=max(0, amount - owed))
    step = stood(order, replace(step, rows={**step.rows, "credits": credit_rows(credited)}))
    if money:
        return step
    # Gift cards and store credit have theirs at once, so that nothing is left to be told later.
    is_all = step.payment_status == "refunded"
    return replace(step, event="order.refunded" if is_all else "order.refunded_in_part")


def begun(
    order: Order,
    amount: int,
    lines: Sequence[Mapping[str, Any]],
    refund_id: uuid.UUID,
    reason: str,
    *,
    credit: int = 0,
    return_id: uuid.UUID | None = None,
) -> Transition:
    """A refund that begins: money first, then the purses, which have theirs at once."""
    money, _ = refundable(order)
    in_money = min(amount, money)
    row = {
        "id": refund_id,
        "amount_minor": amount,
        "given_back_minor": amount - in_money,
        "currency": order.currency,
        "lines": list(lines),
        "reason": reason,
        "return_id": return_id,
    }
    moves = {"refunding": in_money, "given_back": amount - in_money, "credited": credit}
    return Transition(
        order.status,
        order.payment_status,
        "order.refund_requested",
        data={"refund": {name: row[name] for name in ("id", "amount_minor", "currency", "return_id")}},
        money={name: value for name, value in moves.items() if value},
        rows={"refund": row},
    )


def with_money_back(order: Order, step: Transition | None, refund_id: uuid.UUID, reason: str) -> Transition | None:
    """The step of goods' being taken out, with a refund: of all the money where that cancels the order, which gives the
    purses theirs, else of what is too much then."""
    if step is None:
        return None
    back = refundable(order)[0] if step.status == "canceled" else too_much(order, step.money["credited"])
    return with_refund(order, step, begun(order, back, (), refund_id, reason)) if back else step


def too_much(order: Order, credit: int) -> int:
    """What the shop has too much once so much is credited, as far as it can be given back."""
    return max(0, min(credit - balance_of(order), credit, sum(refundable(order))))


def with_surplus_back(order: Order, step: Transition, refund_id: uuid.UUID, reason: str) -> Transition:
    """The step of a payment's being booked, with a refund of what of it is more than the order still asks for."""
    more = step.money["captured"]
    after = replace(order, captured_minor=order.captured_minor + more)
    surplus = min(more, -balance_of(after))
    return step if surplus <= 0 else with_refund(order, step, begun(after, surplus, (), refund_id, reason))


def with_refund(order: Order, step: Transition, refund: Transition) -> Transition:
    """A step that begins a refund as well."""
    return stood(
        order,
        replace(
            step,
            data={**refund.data, **step.data},
            money={**step.money, **refund.money},
            rows={**step.rows, **refund.rows},
        ),
    )


def settle(order: Order, refund: Refund, failure: str | None) -> Transition:
    """The step of a refund's end: given, or refused by whoever gives it (then it can be asked for again).

    What was credited for a refund that came to nothing stays credited: the customer is owed it.
    """
    money = refund.money_minor
    told = {"refund": {"id": refund.id, "amount_minor": refund.amount_minor, "currency": refund.currency}}
    if failure is not None:
        row = {"id": refund.id, "state": "failed", "failure": failure}
        return Transition(
            order.status,
            order.payment_status,
            "order.refund_failed",
            data={**told, "failure": failure},
            money={"refunding": -money},
            rows={"settled": row},
        )
    step = stood(
        order,
        Transition(
            order.status,
            order.payment_status,
            "order.refunded_in_part",
            data=told,
            money={"refunded": money},
            rows={"settled": {"id": refund.id, "state": "succeeded", "failure": None}},
        ),
    )
    return replace(step, event="order.refunded") if step.payment_status == "refunded" else step


def exceeds(amount: int, available: int) -> RefundExceedsError:
    """The refusal of more than there is."""
    return RefundExceedsError(
        f"{available} minor units can be given back, and {amount} are asked for."
        if available
        else "Nothing is left to give back: nothing was paid, or all of it is given back.",
        field="amount",
        details={"requested": amount, "available": available},
    )


def _line_parts(order: Order, wanted: Mapping[uuid.UUID, int]) -> tuple[list[dict[str, Any]], dict[uuid.UUID, int]]:
    """The amounts of lines, and what of each is a credit. What the shop owes anyway is given back without another one.

    No line gives back more than is still asked for of it and is owed. Raises RefundExceedsError, OrderQuantityError.
    """
    rooms, credited, owed = line_rooms(order), {}, max(0, -balance_of(order))
    for line_id, amount in wanted.items():
        if line_id not in rooms:
            raise OrderQuantityError("The order has no such line.", field="lines", details={"line_id": str(line_id)})
        over = max(0, amount - rooms[line_id])
        if over > owed:
            raise exceeds(amount, rooms[line_id] + owed)
        owed -= over
        credited[line_id] = amount - over
    for line_id, credit in credited.items():
        credited[line_id] = max(0, credit - owed)
        owed -= min(owed, credit)
    return [{"line_id": line_id, "amount_minor": amount} for line_id, amount in wanted.items()], credited
