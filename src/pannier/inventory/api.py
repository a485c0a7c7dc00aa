"""The routes of stock: a look that is anybody's, reservations for other systems, figures for staff."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from pannier.inventory.errors import (
    BelowHeldError,
    BelowZeroError,
    HoldExpiredError,
    InsufficientStockError,
    ReservationConflictError,
    ReservationNotFoundError,
    StockNotFoundError,
    StockQuantityError,
)
from pannier.inventory.models import BackorderBound, Cause, HeldFor, StockLevel, StockSettings, Wanted
from pannier.inventory.schemas import (
    Adjust,
    CheckAnswer,
    CheckRequest,
    Count,
    ExtendRequest,
    ItemWanted,
    LevelAnswer,
    Receive,
    ReservationAnswer,
    ReserveRequest,
    SettleRequest,
    StockAction,
    StockAnswer,
)
from pannier.inventory.service import InventoryService
from pannier.platform.database import Database
from pannier.platform.hot import service_of
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    KeyHeader,
    key_of,
    once,
    replay_headers,
)
from pannier.platform.observability.context import correlation_id
from pannier.platform.principal import ForbiddenError, LoginRequiredError, Principal, require_role
from pannier.platform.problems import ValidationFailedError, problem_responses

if TYPE_CHECKING:
    from pannier.platform.database import Connection

Inventory = Annotated[InventoryService, Depends(service_of(InventoryService))]
Staff = Annotated[Principal, Depends(require_role("staff"))]
_STAFF_ERRORS = (LoginRequiredError, ForbiddenError, ValidationFailedError)
_KEY_ERRORS = (IdempotencyConflictError, IdempotencyInFlightError)
_SETTLE_ERRORS = (ReservationNotFoundError, HoldExpiredError, *_STAFF_ERRORS, *_KEY_ERRORS)


class Commanding:
    """A dependency: carries a command of this request out once, however often it is sent under one key."""

    def __init__(self, db: Database, principal: Principal, key: Key | None) -> None:
        self._db = db
        self._key = key
        self.cause = Cause(
            principal.user_id or principal.kind, device=principal.device, correlation_id=correlation_id.get()
        )

    async def answer(self, command: Callable[[Connection], Awaitable[object]], status: int = 200) -> Response:
        """The answer to the command, which runs in one transaction with the record of it."""

        async def run(conn: Connection) -> Answer:
            return Answer(msgspec.json.encode(await command(conn)), status)

        answer = await once(self._db, self._key, run)
        return Response(answer.body, answer.status, replay_headers(answer), "application/json")


async def commanding(
    request: Request,
    principal: Staff,
    db: Annotated[Database, Depends(service_of(Database))],
    key: KeyHeader = None,
) -> Commanding:
    """What a command of staff or of another system runs under."""
    body = await request.body()
    return Commanding(
        db, principal, key_of(principal, key, method=request.method, target=request.scope["path"], body=body)
    )


Command = Annotated[Commanding, Depends(commanding)]
router = APIRouter(prefix="/inventory", tags=["inventory"])
admin_router = APIRouter(prefix="/admin/stock", tags=["admin"])


@router.post(
    "/check",
    response_model=CheckAnswer,
    responses=problem_responses(StockQuantityError, ValidationFailedError),
)
async def check(body: CheckRequest, inventory: Inventory) -> Response:
    """Whether these quantities could be had now. A look, not a promise."""
    found = await inventory.availability(_wanted(body.items))
    items = [
        {
            "variant_id": item.variant_id,
            "requested": item.requested,
            "available": item.available,
            "is_available": item.is_available,
            "status": "available" if item.is_available else "insufficient" if item.is_known else "not_found",
        }
        for item in found
    ]
    return _json({"is_available": all(item.is_available for item in found), "items": items})


@router.post(
    "/reserve",
    status_code=201,
    response_model=ReservationAnswer,
    responses=problem_responses(
        InsufficientStockError,
        ReservationConflictError,
        StockNotFoundError,
        StockQuantityError,
        *_STAFF_ERRORS,
        *_KEY_ERRORS,
    ),
)
async def reserve(body: ReserveRequest, inventory: Inventory, command: Command) -> Response:
    """Promise all of the units to another system, or none."""
    return await command.answer(
        lambda conn: inventory.reserve(
            _wanted(body.items),
            command.cause,
            reservation_id=body.id,
            ttl=_ttl(body.ttl_s),
            reference=body.reference,
            conn=conn,
        ),
        status=201,
    )


@router.post("/extend", response_model=ReservationAnswer, responses=problem_responses(*_SETTLE_ERRORS))
async def extend(body: ExtendRequest, inventory: Inventory, command: Command) -> Response:
    """Let a reservation live longer, up to the shop's cap."""
    return await command.answer(lambda conn: inventory.extend(body.id, ttl=_ttl(body.ttl_s), conn=conn))


@router.post("/release", response_model=ReservationAnswer, responses=problem_responses(*_SETTLE_ERRORS))
async def release(body: SettleRequest, inventory: Inventory, command: Command) -> Response:
    """Give the units of a reservation back. Doing it twice changes nothing."""
    return await command.answer(lambda conn: inventory.release(body.id, command.cause, conn=conn))


@router.post("/commit", response_model=ReservationAnswer, responses=problem_responses(*_SETTLE_ERRORS))
async def commit(body: SettleRequest, inventory: Inventory, command: Command) -> Response:
    """The units of a reservation have left the house. Doing it twice changes nothing."""
    return await command.answer(lambda conn: inventory.commit(body.id, command.cause, conn=conn))


@admin_router.get(
    "/{variant_id}",
    response_model=StockAnswer,
    responses=problem_responses(StockNotFoundError, *_STAFF_ERRORS),
)
async def get_stock(
    variant_id: uuid.UUID,
    inventory: Inventory,
    _: Staff,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """A variant's figures and its ledger, the newest movement first."""
    level = await inventory.get_level(variant_id)
    before = int(cursor) if cursor is not None else None
    movements = await inventory.movements(variant_id, before_version=before, limit=limit)
    has_more = len(movements) == limit and movements[-1].version > 1
    next_cursor = str(movements[-1].version) if has_more else None
    held_for = (await inventory.held_for([variant_id])).get(variant_id, HeldFor())
    return _json({"level": level, "held_for": held_for, "movements": movements, "next_cursor": next_cursor})


@admin_router.post(
    "/{variant_id}",
    response_model=LevelAnswer,
    responses=problem_responses(
        StockNotFoundError, BelowHeldError, BelowZeroError, StockQuantityError, *_STAFF_ERRORS, *_KEY_ERRORS
    ),
)
async def change_stock(variant_id: uuid.UUID, body: StockAction, inventory: Inventory, command: Command) -> Response:
    """Receive, adjust, count or configure a variant's stock."""
    cause = dataclasses.replace(command.cause, reason=body.reason)

    async def act(conn: Connection) -> StockLevel:
        match body:
            case Receive():
                return await inventory.receive(variant_id, body.quantity, cause, conn)
            case Adjust():
                return await inventory.adjust(
                    variant_id, body.quantity, cause, conn, allow_negative=body.allow_negative
                )
            case Count():
                return await inventory.count(variant_id, body.on_hand, cause, conn, is_truth=body.is_truth)
        bound = BackorderBound(body.backorder_max) if "backorder_max" in body.model_fields_set else None
        wanted = StockSettings(body.is_tracked, body.safety_quantity, bound, body.threshold)
        return await inventory.configure(variant_id, wanted, cause, conn, is_truth=body.is_truth)

    return await command.answer(act)


def _wanted(items: list[ItemWanted]) -> list[Wanted]:
    return [Wanted(item.variant_id, item.quantity) for item in items]


def _ttl(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
