"""What the shop believes of orders: when stock moves, and which step may follow which.

hold_at and commit_at each name a stage. Units are never committed before they are held, so what counts as the
commit stage is the later of the two:

    stage          0 add     1 checkout     2 order     3 payment     4 fulfilment
    hold_at        add       checkout       order       payment
                   immediate (taken at once, so there is nothing left to commit)
    commit_at                               order       payment       fulfilment
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pannier.orders.errors import (
    InsufficientOnHandError,
    OrderNotFulfilledError,
    OrderQuantityError,
    OrderReturningError,
)
from pannier.orders.models import (
    Captured,
    LineUnits,
    Order,
    OrderLine,
    OrderStatus,
    PaymentStatus,
    StockAction,
    Transition,
)

HoldAt = Literal["add", "checkout", "order", "payment", "immediate"]
CommitAt = Literal["order", "payment", "fulfilment"]

_STAGES = {"add": 0, "immediate": 0, "checkout": 1, "order": 2, "payment": 3, "fulfilment": 4}


def stock_when_ordered(hold_at: HoldAt, commit_at: CommitAt) -> StockAction:
    """What placing an order does to the units of its lines."""
    if hold_at == "immediate":
        return "commit"
    if _STAGES[hold_at] > _STAGES["order"]:
        return "await"
    return "commit" if commit_at == "order" else "hold"


def stock_when_paid(commit_at: CommitAt) -> Literal["commit", "hold"]:
    """What paying does to units that are not committed yet; those awaited are looked for now at the latest."""
    return "hold" if commit_at == "fulfilment" else "commit"


def is_closed(order: Order) -> bool:
    """Whether nothing happens to the order any more."""
    return order.status in {"canceled", "refunded"}


def is_cancelable(order: Order, hold_at: HoldAt, commit_at: CommitAt) -> bool:
    """Whether its goods are all still in the house, so that its shopper may cancel it.

    Units that are booked out by being sent are gone; those that are booked out before may be there still.
    """
    is_out_when_sent = commit_at == "fulfilment" and hold_at != "immediate"
    has_left = (is_out_when_sent and any(line.quantity_taken for line in order.lines)) or any(
        line.quantity_sent for line in order.lines
    )
    return order.status in {"pending", "paid"} and not has_left


def balance_of(order: Order) -> int:
    """What is still to be paid, in minor units; below nothing is what the shop has too much."""
    if order.status == "canceled":
        return order.refunding_minor - order.captured_minor
    tendered = order.tendered_minor - order.given_back_minor
    return order.total_minor - tendered - order.credited_minor - (order.captured_minor - order.refunding_minor)


def stood(order: Order, step: Transition) -> Transition:
    """The step of money's going back, with how the order stands after it.

    Where something was paid, all of it is back, in money and on gift cards alike, and nothing is asked for, it is
    refunded; unless it is canceled, it is closed by that.
    """
    moved = {f"{name}_minor": getattr(order, f"{name}_minor") + amount for name, amount in step.money.items()}
    after = replace(order, status=step.status, payment_status=step.payment_status, **moved)
    if step.status == "canceled":
        after = replace(after, given_back_minor=order.tendered_minor)
    is_all_back = 0 < after.captured_minor + after.tendered_minor == after.refunded_minor + after.given_back_minor
    if step.payment_status == "void" or not is_all_back or balance_of(after) > 0:
        return step
    return replace(step, status="canceled" if step.status == "canceled" else "refunded", payment_status="refunded")


def pay(order: Order, commit_at: CommitAt) -> Transition | None:
    """The step of being paid by hand; None when it was taken before. Goods may have left already: invoice, cash."""
    if order.payment_status == "paid":
        return None
    status = "paid" if order.status == "pending" else order.status
    paid = max(0, balance_of(order))
    data = {"amount_minor": paid, "currency": order.currency}
    return Transition(status, "paid", "order.paid", stock_when_paid(commit_at), data, money={"captured": paid})


def book(order: Order, captured: Captured, commit_at: CommitAt) -> Transition | None:
    """The step of what a payment captured coming into the order's books; None when it is in them.

    It is what was charged, whatever the order comes to by now: it is paid when nothing is left to be paid, and what is
    too much is to be given back.
    """
    more = captured.amount_minor - order.booked.get(str(captured.payment_id), 0)
    if more <= 0:
        return None
    step = Transition(
        order.status,
        order.payment_status,
        "order.payment_received",
        data={"amount_minor": more, "currency": order.currency, "payment_id": captured.payment_id},
        money={"captured": more},
        rows={"booked": {"payment_id": captured.payment_id, "amount_minor": more}},
    )
    if order.payment_status == "paid" or balance_of(order) > more:
        return step
    status = "paid" if order.status == "pending" else order.status
    return replace(step, status=status, payment_status="paid", event="order.paid", stock=stock_when_paid(commit_at))


def fulfil(order: Order) -> Transition | None:
    """The step of the goods' leaving; None when they have left. Whatever is not committed is now."""
    if order.status in {"fulfilled", "completed"}:
        return None
    return Transition("fulfilled", order.payment_status, "order.fulfilled", "commit")


def complete(order: Order) -> Transition | None:
    """The step of its being done: sent, and paid. Raises OrderNotFulfilledError."""
    if order.status == "completed":
        return None
    balance = balance_of(order)
    if order.status != "fulfilled" or balance != 0:
        missing = "its goods have not all been sent" if order.status != "fulfilled" else "it is not settled"
        raise OrderNotFulfilledError(
            f"Order {order.number} is not done yet: {missing}.", details={"status": order.status, "balance": balance}
        )
    return Transition("completed", order.payment_status, "order.completed")


def fulfil_part(order: Order, wanted: Mapping[uuid.UUID, int], on_hand: Mapping[uuid.UUID, int]) -> Transition:
    """The step of some units' leaving, by variant. The order is fulfilled when none is left behind.

    Units that are promised to the order leave the house with it; those that were booked out before are only noted as
    sent. Raises OrderQuantityError and InsufficientOnHandError.
    """
    units = []
    for variant_id, quantity in wanted.items():
        held = sum(sendable(line) for line in order.lines if line.variant_id == variant_id)
        if quantity > held:
            raise OrderQuantityError(
                f"The order holds {held} of these units, and {quantity} are to leave.",
                field="items",
                details={"variant_id": str(variant_id), "requested": quantity, "held": held},
            )
        units += _spread(order, variant_id, quantity)
    variant_of = {line.id: line.variant_id for line in order.lines}
    leaving: dict[uuid.UUID, int] = {}
    for unit in units:
        if unit.take:
            leaving[variant_of[unit.line_id]] = leaving.get(variant_of[unit.line_id], 0) + unit.take
    check_on_hand(leaving, on_hand)
    sent = {unit.line_id: unit.send for unit in units}
    is_all = all(line.quantity_unsent == sent.get(line.id, 0) for line in order.lines if _is_sent(line))
    event = "order.fulfilled" if is_all else "order.fulfilled_in_part"
    return Transition("fulfilled" if is_all else order.status, order.payment_status, event, "move", units=units)


def sendable(line: OrderLine) -> int:
    """Units of a line that may leave: those that are awaited are not there yet."""
    return 0 if line.stock_state == "awaited" else line.quantity_unsent


def _is_sent(line: OrderLine) -> bool:
    """Whether a line's units have to be sent at all: what is neither counted nor shipped has nothing to leave."""
    return line.stock_state != "untracked" or line.display.get("requires_shipping") is True


def check_on_hand(wanted: Mapping[uuid.UUID, int], on_hand: Mapping[uuid.UUID, int]) -> None:
    """Raise InsufficientOnHandError for the first variant of which fewer units are in the house."""
    for variant_id, quantity in wanted.items():
        if variant_id in on_hand and quantity > on_hand[variant_id]:
            raise InsufficientOnHandError(
                f"{on_hand[variant_id]} units are on hand, and {quantity} are to leave.",
                field="items",
                details={
                    "variant_id": str(variant_id),
                    "requested": quantity,
                    "available": on_hand[variant_id],
                },
            )


def held_units(order: Order) -> dict[uuid.UUID, int]:
    """Units that leave when all leave, by variant."""
    held: dict[uuid.UUID, int] = {}
    for line in order.lines:
        units = line.quantity_left if line.stock_state == "awaited" else line.quantity_held
        if units:
            held[line.variant_id] = held.get(line.variant_id, 0) + units
    return held


def _spread(order: Order, variant_id: uuid.UUID, quantity: int) -> list[LineUnits]:
    units = []
    for line in order.lines:
        if line.variant_id == variant_id and (send := min(quantity, sendable(line))):
            # Units that were taken, and are not sent, leave the house without a movement.
            ahead = line.quantity_taken + line.quantity_returned - line.quantity_sent
            take = min(line.quantity_held, max(0, send - max(0, ahead)))
            units.append(LineUnits(line.id, take=take, send=send))
            quantity -= send
    return units


def require_no_returns(order: Order) -> None:
    """Raise OrderReturningError while goods of the order are on their way back, or when some came back."""
    returning = sum(line.quantity_returning + line.quantity_returned for line in order.lines)
    if returning:
        raise OrderReturningError(
            f"{returning} units of order {order.number} were sent back, or are to be. Finish the return, or cancel it.",
            details={"returning": returning},
        )


def put_back(order: Order) -> Transition | None:
    """The step of goods' coming back that had left: they are held for the order again. None when none had left."""
    require_no_returns(order)
    units = [
        LineUnits(line.id, back=line.quantity_taken, send=-line.quantity_sent)
        for line in order.lines
        if line.quantity_taken or line.quantity_sent
    ]
    if not units and order.status != "fulfilled":
        return None
    status: OrderStatus = "paid" if order.payment_status == "paid" else "pending"
    return Transition(
        status,
        order.payment_status,
        "order.fulfilment_canceled",
        "move",
        units=units,
        rows={"shipments_canceled": True},
    )


def cancel_units(order: Order, wanted: Mapping[uuid.UUID, int] | None) -> Transition | None:
    """The step of units' being taken out of the order: held ones first, then those that had left, which are back.

    More than there is counts as all; without `wanted` it is all. Nothing left: the order is canceled. Raises
    OrderQuantityError for a variant that is not in the order.
    """
    if order.status == "canceled":
        return None
    _require_none_on_the_way(order)
    in_order = {line.variant_id for line in order.lines}
    for variant_id in wanted or ():
        if variant_id not in in_order:
            raise OrderQuantityError(
                "The order has no such variant.", field="items", details={"variant_id": str(variant_id), "held": 0}
            )
    budget = dict(wanted) if wanted is not None else {v: sum(line.quantity for line in order.lines) for v in in_order}
    units = {line.id: LineUnits(line.id) for line in order.lines}
    for line in order.lines:
        # What is neither held nor gone was never counted, or is awaited: it is only taken out.
        n = min(budget.get(line.variant_id, 0), line.quantity_left - line.quantity_taken)
        release = n if line.stock_state == "held" else 0
        units[line.id] = LineUnits(line.id, release=release, cancel=n)
        budget[line.variant_id] = budget.get(line.variant_id, 0) - n
    for line in order.lines:
        n = min(budget[line.variant_id], line.quantity_taken)
        before = units[line.id]
        units[line.id] = replace(before, restock=n, cancel=before.cancel + n)
        budget[line.variant_id] -= n
    if all(line.quantity_left == units[line.id].cancel for line in order.lines):
        step = Transition("canceled", _payment_when_canceled(order), "order.canceled", "move")
        return stood(order, replace(step, units=list(units.values())))
    moved = [unit for unit in units.values() if unit.cancel]
    if not moved:
        return None
    credited = credits_of(order, {unit.line_id: unit.cancel for unit in moved})
    event = "order.canceled_in_part"
    return Transition(
        order.status,
        order.payment_status,
        event,
        "move",
        units=moved,
        money={"credited": sum(credited.values())},
        rows={"credits": credit_rows(credited)},
    )


def _require_none_on_the_way(order: Order) -> None:
    returning = sum(line.quantity_returning for line in order.lines)
    if returning:
        raise OrderReturningError(
            f"{returning} units of order {order.number} are on their way back. Finish the return, or cancel it.",
            details={"returning": returning},
        )


def _payment_when_canceled(order: Order) -> PaymentStatus:
    """What was paid stays paid until it is refunded; nothing is owed any more for what was not."""
    if order.captured_minor > 0:
        return "paid"
    return "void" if order.payment_status == "pending" else order.payment_status


def added_tax_of(order: Order) -> Mapping[str, int]:
    """What tax adds to each line, by its id; nothing where it lies in the prices."""
    figures = {str(line["line_id"]): int(line.get("tax_added", 0)) for line in order.quote.get("lines", [])}
    is_added = not order.quote.get("tax_included")
    return {str(line.id): figures.get(str(line.id), line.tax_minor if is_added else 0) for line in order.lines}


def value_by_line(order: Order, units: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """What so many more units of lines are worth, tax included.

    Unit by unit the values add up to the line's, to the cent: each step is worth the difference of two rounded sums.
    """
    added = added_tax_of(order)
    values = {}
    for line in order.lines:
        more = units.get(line.id, 0)
        if more:
            whole, gone = line.total_minor + added[str(line.id)], line.quantity_canceled + line.quantity_returned
            values[line.id] = whole * (gone + more) // line.quantity - whole * gone // line.quantity
    return values


def line_rooms(order: Order) -> dict[uuid.UUID, int]:
    """What of each line's price, tax included, is still asked for."""
    added = added_tax_of(order)
    return {line.id: line.total_minor + added[str(line.id)] - line.credited_minor for line in order.lines}


def credits_of(order: Order, units: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """What is no longer asked for when so many more units of lines go: their value, less what was credited before.

    It may have been a refund for the line, or goodwill for the order: a price is not credited twice.
    """
    rooms, left = line_rooms(order), order.total_minor - order.credited_minor
    credited = {}
    for line_id, value in value_by_line(order, units).items():
        credited[line_id] = max(0, min(value, rooms[line_id], left))
        left -= credited[line_id]
    return credited


def credit_rows(credited: Mapping[uuid.UUID, int]) -> list[dict[str, Any]]:
    """Credits of lines as a step writes them."""
    return [{"line_id": line_id, "amount_minor": amount} for line_id, amount in credited.items() if amount]


def cancel(order: Order) -> Transition | None:
    """The step of being canceled; None when it is. What was paid stays paid until it is refunded.

    Gift cards, credit and points get theirs back with this step, so what they paid alone is refunded by it.
    """
    if order.status == "canceled":
        return None
    _require_none_on_the_way(order)
    return stood(order, Transition("canceled", _payment_when_canceled(order), "order.canceled", "give_back"))
