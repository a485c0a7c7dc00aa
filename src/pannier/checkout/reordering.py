"""Buying the same again: what can be had of an order goes into the cart, and what cannot is told. Composed here, since
orders and carts do not know each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pannier.cart import CartService, Change, ChangeResult, Command, Outcome, add
from pannier.kernel.ids import uuid7
from pannier.orders import OrderLine, OrderService
from pannier.platform.principal import Principal

# A blank keeps the record of the second write apart from that of the first.
_REST = " rest"


@dataclass(frozen=True, slots=True)
class Reordered:
    """The write of the cart, and what became of each line of the order."""

    outcome: Outcome
    results: list[Mapping[str, Any]]


class ReorderService:
    """Fills carts from orders."""

    def __init__(self, carts: CartService, orders: OrderService) -> None:
        self._carts = carts
        self._orders = orders

    async def reorder(self, principal: Principal, number: str, command: Command) -> Reordered:
        """Add an order's goods to the cart at today's prices, one transaction with a result per line.

        What was given away is not bought, and what was taken out of the order is not wanted. Raises OrderNotFoundError.
        """
        order = await self._orders.get(principal, number)
        wanted = [
            line for line in order.lines if not line.display.get("is_gift") and line.quantity > line.quantity_canceled
        ]
        changes = [_change(line, line.quantity - line.quantity_canceled) for line in wanted]
        outcome = await self._carts.apply(replace(command, changes=changes, is_atomic=False))
        results = dict(zip([line.id for line in wanted], outcome.answer.results, strict=False))
        added = {line_id: _added(result) for line_id, result in results.items()}
        short = [line for line in wanted if line.id in results and _left(results[line.id])]
        if short:
            # Of what is short, what there is: where nobody was quicker.
            owner = command.owner if outcome.token is None else replace(command.owner, token=outcome.token)
            key = None if command.idempotency_key is None else command.idempotency_key + _REST
            rest = [_change(line, _left(results[line.id])) for line in short]
            more = replace(command, owner=owner, changes=rest, is_atomic=False, idempotency_key=key, op_id=uuid7())
            second = await self._carts.apply(more)
            for line, result in zip(short, second.answer.results, strict=False):
                added[line.id] += _added(result)
            outcome = replace(second, token=outcome.token)
        return Reordered(
            outcome, [_told(line, results[line.id], added[line.id]) for line in wanted if line.id in results]
        )


def _added(result: ChangeResult) -> int:
    return (result.after or 0) - (result.before or 0) if result.outcome == "OK" else 0


def _left(result: ChangeResult) -> int:
    """Units of a line that was refused for want of stock which there are all the same."""
    if result.outcome != "INSUFFICIENT_STOCK":
        return 0
    return max(0, int((result.details or {}).get("available") or 0))


def _change(line: OrderLine, quantity: int) -> Change:
    extra = line.extra or {}
    return add(
        line.variant_id,
        quantity,
        attributes=extra.get("attributes"),
        note=extra.get("note"),
        customisation=extra.get("customisation"),
    )


def _told(line: OrderLine, result: ChangeResult, added: int) -> dict[str, Any]:
    wanted = line.quantity - line.quantity_canceled
    is_in = added == wanted
    return {
        "item_id": line.id,
        "variant_id": line.variant_id,
        "name": line.name,
        "requested": wanted,
        "added": added,
        "error": None if is_in else result.outcome,
        "message": _message(line.name, wanted, added, result),
    }


def _message(name: str, wanted: int, added: int, result: ChangeResult) -> str | None:
    if added == wanted:
        return None
    details = result.details or {}
    if added:
        return f"{name}: only {added} of {wanted} are there."
    if result.outcome == "INSUFFICIENT_STOCK":
        left = details.get("available") or 0
        return f"{name}: only {left} left." if left else f"{name} is sold out."
    if result.outcome == "LIMIT_EXCEEDED":
        return f"{name}: at most {details.get('maximum')} are possible in the cart."
    return f"{name} is not for sale at the moment."
