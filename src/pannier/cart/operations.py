"""Changes that a client queued while it was offline, carried out in their order, each exactly once.

Each has an id of the client's, which is its idempotency key: queue and connection may break wherever they like, and
the whole queue is sent again. One that is refused is told and stops none behind it, so a queue cannot be poisoned.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec

from pannier.cart.errors import ItemNotFoundError
from pannier.cart.models import Change, Command
from pannier.cart.schemas import BULK_MAX, AddItem, PatchItem
from pannier.cart.service import CartService, Outcome
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.idempotency import IdempotencyInFlightError
from pannier.platform.principal import LoginRequiredError

OPERATIONS_MAX = 100
# A blank keeps these apart from the keys of single requests, which have none.
_KEY = "operation "
# What would be said of every operation, or may be otherwise in a moment.
_STOP = (IdempotencyInFlightError, LoginRequiredError)

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
_Item = Annotated[
    str, msgspec.Meta(max_length=64, description="A line's id, or the id of an operation before that added it.")
]


class AddOperation(AddItem, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="add", kw_only=True):
    """As POST /cart/items."""

    id: _Id


class SetOperation(PatchItem, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="set", kw_only=True):
    """As PATCH /cart/items/{item_id}."""

    id: _Id
    item: _Item


class RemoveOperation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="remove"):
    """As DELETE /cart/items/{item_id}."""

    id: _Id
    item: _Item


class SaveOperation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="save"):
    """As POST /cart/items/{item_id}/save."""

    id: _Id
    item: _Item


class RestoreOperation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="restore"):
    """As POST /cart/items/{item_id}/restore."""

    id: _Id
    item: _Item


class SelectOperation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="select"):
    """As PUT /cart/selection."""

    id: _Id
    selected: Literal["all", "none"] | Annotated[list[_Item], msgspec.Meta(max_length=BULK_MAX)]


class ClearOperation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="clear"):
    """As DELETE /cart."""

    id: _Id


Operation = (
    AddOperation | SetOperation | RemoveOperation | SaveOperation | RestoreOperation | SelectOperation | ClearOperation
)


class Operations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A queue, oldest first."""

    operations: Annotated[list[Operation], msgspec.Meta(min_length=1, max_length=OPERATIONS_MAX)]


class OperationResult(msgspec.Struct, frozen=True):
    """What became of one operation. `replayed`: it had been carried out before, and this is what it came to then.

    `quantity_before` is what the line had on the server; where that is not what the client had seen, somebody else
    was there meanwhile.
    """

    id: str
    ok: bool
    replayed: bool
    item_id: uuid.UUID | None = None
    quantity_before: int | None = None
    quantity: int | None = None
    error: str | None = None
    message: str | None = None
    details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """A result per operation, and the newest outcome; None when every operation was refused."""

    results: list[OperationResult]
    outcome: Outcome | None
    token: str | None


async def replay(
    carts: CartService,
    template: Command,
    operations: Sequence[Operation],
    change_of: Callable[[Operation, Callable[[str], uuid.UUID]], tuple[str, list[Change]]],
) -> Replayed:
    """Carry the operations out one after the other for the owner of `template`.

    `change_of` makes an event's name and changes of an operation and of what finds its line. Raises what is nobody's
    fault (the database is away, the same operation is under way): the queue is to be sent again then.
    """
    results: list[OperationResult] = []
    lines: dict[str, uuid.UUID] = {}
    newest: Outcome | None = None
    token: str | None = None
    for operation in operations:
        try:
            event, changes = change_of(operation, lambda name: _line(name, lines))
            outcome = await carts.apply(_command(template, operation, event, changes))
        except PannierError as refused:
            if refused.kind is ErrorKind.unavailable or isinstance(
                refused, (IdempotencyInFlightError, LoginRequiredError)
            ):
                raise
            results.append(_refused(operation.id, refused))
            continue
        newest = outcome
        if outcome.token is not None:
            # The cart was made under a new token, which the operations after it must know.
            token = outcome.token
            template = replace(template, owner=replace(template.owner, token=token, fresh_token=None))
        first = outcome.answer.results[0] if outcome.answer.results else None
        if first is not None and first.line_id is not None:
            lines[operation.id] = first.line_id
        results.append(
            OperationResult(
                operation.id,
                True,
                outcome.is_replay,
                None if first is None else first.line_id,
                None if first is None else first.before,
                None if first is None else first.after,
                details=None if first is None else first.details,
            )
        )
    return Replayed(results, newest, token)


def _command(template: Command, operation: Operation, event: str, changes: list[Change]) -> Command:
    digest = hashlib.sha256(msgspec.json.encode(operation)).digest()
    return Command(
        template.owner,
        event,
        changes,
        is_clear=isinstance(operation, ClearOperation),
        idempotency_key=_KEY + operation.id,
        request_hash=digest,
        channel=template.channel,
        actor=template.actor,
        device=template.device,
        correlation_id=template.correlation_id,
    )


def _line(name: str, lines: dict[str, uuid.UUID]) -> uuid.UUID:
    if name in lines:
        return lines[name]
    try:
        return uuid.UUID(name)
    except ValueError:
        raise ItemNotFoundError(
            "No line has this id, and no operation of this queue that was carried out.", field="item"
        ) from None


def _refused(operation_id: str, refused: PannierError) -> OperationResult:
    is_replay = "Idempotent-Replayed" in refused.headers
    return OperationResult(
        operation_id,
        False,
        is_replay,
        error=refused.error,
        message=refused.message,
        details=msgspec.to_builtins(refused.details) or None,
    )
