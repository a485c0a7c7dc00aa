"""The route that takes the queue of a client that was offline."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from pannier.cart.described import CHANNEL
from pannier.cart.exchange import ENCODER, added, carried, command_of, headers_of
from pannier.cart.models import QUANTITY_MAX, Change
from pannier.cart.operations import (
    AddOperation,
    ClearOperation,
    OperationResult,
    Operations,
    RestoreOperation,
    SaveOperation,
    SelectOperation,
    SetOperation,
    replay,
)
from pannier.cart.operations import Operation as Queued
from pannier.cart.read_model import Cart
from pannier.cart.service import CartService
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.idempotency import IdempotencyInFlightError
from pannier.platform.principal import LoginRequiredError
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings

_QUEUE = msgspec.json.Decoder(Operations)


class OperationsAnswer(msgspec.Struct, frozen=True):
    """A result per operation, in their order, and the cart after all of them."""

    results: list[OperationResult]
    cart: Cart


async def replay_operations(request: HotRequest) -> HotResponse:
    """Carry out what a client queued while it was offline: in order, and each operation exactly once.

    Send the whole queue again when no answer came. A refused operation is told and stops none behind it.
    """
    queue = request.decode(_QUEUE).operations
    _check_quantities(queue, request.service(Settings))
    carts = request.service(CartService)

    def change_of(operation: Queued, line: Callable[[str], uuid.UUID]) -> tuple[str, list[Change]]:
        return _change_of(request, operation, line)

    command = command_of(request, "", [])
    done = await replay(carts, command, queue, change_of)
    if done.outcome is None:
        cart = await carts.get(command.owner, command.channel)
        return HotResponse(ENCODER.encode(OperationsAnswer(done.results, cart)))
    cart = done.outcome.cart
    if done.outcome.is_replay:
        # What an operation answered once may be long ago.
        owner = command.owner if done.token is None else replace(command.owner, token=done.token)
        cart = await carts.get(owner, command.channel)
    whole = replace(done.outcome, cart=cart, token=done.token, is_replay=False)
    return HotResponse(ENCODER.encode(OperationsAnswer(done.results, cart)), headers=headers_of(request, whole))


def _check_quantities(queue: Sequence[Queued], settings: Settings) -> None:
    """What is no quantity is a fault of the request, as everywhere, and not of one operation."""
    found = []
    for index, operation in enumerate(queue):
        if isinstance(operation, AddOperation):
            least = -QUANTITY_MAX if settings.negative_add == "lower" and operation.quantity else 1
            quantity = operation.quantity
        elif isinstance(operation, SetOperation) and operation.quantity is not msgspec.UNSET:
            least, quantity = 0, operation.quantity
        else:
            continue
        if not least <= quantity <= QUANTITY_MAX:
            found.append((f"operations[{index}].quantity", f"A whole number from {least} to {QUANTITY_MAX:,}"))
    if found:
        raise ValidationFailedError.of(found)


def _change_of(request: HotRequest, operation: Queued, line: Callable[[str], uuid.UUID]) -> tuple[str, list[Change]]:
    match operation:
        case AddOperation():
            return "cart.item_added", [added(request, operation)]
        case SetOperation():
            change = Change(
                op="set",
                line_id=line(operation.item),
                quantity=None if operation.quantity is msgspec.UNSET else operation.quantity,
                extra=carried(request, operation) or None,
                is_selected=None if operation.selected is msgspec.UNSET else operation.selected,
            )
            return "cart.item_changed", [change]
        case SaveOperation():
            return "cart.item_saved", [Change(op="save", line_id=line(operation.item))]
        case RestoreOperation():
            return "cart.item_restored", [Change(op="restore", line_id=line(operation.item))]
        case SelectOperation(selected=str(which)):
            return "cart.selection_changed", [Change(op="select", select="all" if which == "all" else "none")]
        case SelectOperation():
            ids = list(dict.fromkeys(line(name) for name in operation.selected))
            return "cart.selection_changed", [Change(op="select", select="only", line_ids=ids)]
        case ClearOperation():
            return "cart.cleared", []
    return "cart.item_removed", [Change(op="remove", line_id=line(operation.item))]


OPERATIONS_ROUTES = (
    HotRoute(
        "POST",
        "/api/v1/cart/operations",
        replay_operations,
        Operation(
            "Replay queued operations",
            replay_operations.__doc__ or "",
            ("cart",),
            request=Operations,
            responses={200: (OperationsAnswer, "What became of each")},
            parameters=(CHANNEL,),
            errors=(ValidationFailedError, IdempotencyInFlightError, LoginRequiredError),
        ),
    ),
)
