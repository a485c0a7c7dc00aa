"""The routes by which staff change orders: edits before they are sent, and exchanges of what came back."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pannier.catalog import ProductUnavailableError
from pannier.checkout.revising import Edit, ReviseService
from pannier.inventory import InsufficientStockError
from pannier.orders import (
    LookedItem,
    OrderChangedError,
    OrderDocument,
    OrderNotEditableError,
    OrderNotFoundError,
    OrderQuantityError,
    OrderReason,
    RefundDocument,
    ReturnDocument,
    ReturnNotFoundError,
    ReturnStateError,
    looked_of,
    request_key,
)
from pannier.platform.hot import service_of
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError, KeyHeader, replay_headers
from pannier.platform.principal import ForbiddenError, LoginRequiredError, Principal, require_role
from pannier.platform.problems import ValidationFailedError, problem_responses

Revisions = Annotated[ReviseService, Depends(service_of(ReviseService))]
Staff = Annotated[Principal, Depends(require_role("staff"))]
_Units = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
_ERRORS = (
    LoginRequiredError,
    ForbiddenError,
    OrderNotFoundError,
    OrderQuantityError,
    InsufficientStockError,
    ProductUnavailableError,
    ValidationFailedError,
    IdempotencyConflictError,
    IdempotencyInFlightError,
)

admin_revising_router = APIRouter(prefix="/admin/orders", tags=["admin"])


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EditedItem(_Closed):
    """How many units are left of a line: fewer than it has, of those that were not sent."""

    item_id: uuid.UUID
    quantity: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class AddedItem(_Closed):
    """Units that come into the order, at today's price; promotions take nothing off it."""

    variant_id: uuid.UUID
    quantity: _Units


class EditOrder(_Closed):
    """What becomes of an order. `version`: of the order that was looked at; another one refuses with ORDER_CHANGED."""

    items: Annotated[list[EditedItem], Field(max_length=1000)] = []
    add: Annotated[list[AddedItem], Field(max_length=100)] = []
    version: Annotated[int | None, Field(ge=1)] = None
    reason: OrderReason = ""


class EditAnswer(_Closed):
    """The order after it: what is due now is its `balance`; what is given back, `refund`, pending as it begins."""

    order: OrderDocument
    refund: RefundDocument | None


class ExchangeReturn(_Closed):
    """What looking at the goods came to, all for sale again without `items`; `send`, if not what it says."""

    items: Annotated[list[LookedItem], Field(max_length=1000)] | None = None
    send: Annotated[list[AddedItem], Field(min_length=1, max_length=100)] | None = None
    answer: OrderReason = ""


class ExchangeAnswer(EditAnswer):
    """The return, and the order after it, with what is sent instead among its items."""

    return_: ReturnDocument = Field(alias="return")


@admin_revising_router.post(
    "/{number}/edit",
    response_model=EditAnswer,
    responses=problem_responses(*_ERRORS, OrderNotEditableError, OrderChangedError),
)
async def edit_order(
    number: str, body: EditOrder, request: Request, revisions: Revisions, staff: Staff, key: KeyHeader = None
) -> Response:
    """Take units out of an order that was not sent, and put others in; the difference is due, or given back."""
    quantities = {item.item_id: item.quantity for item in body.items}
    if len(quantities) < len(body.items):
        raise ValidationFailedError.of([("items", "names an item twice")])
    wanted = Edit(quantities, [(item.variant_id, item.quantity) for item in body.add], body.version)
    bound = await request_key(request, staff, key)
    answer = await revisions.edit(staff, number, wanted, reason=body.reason, key=bound)
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")


@admin_revising_router.post(
    "/{number}/returns/{return_id}/exchange",
    response_model=ExchangeAnswer,
    responses=problem_responses(*_ERRORS, ReturnNotFoundError, ReturnStateError),
)
async def exchange_return(
    number: str,
    return_id: uuid.UUID,
    request: Request,
    revisions: Revisions,
    staff: Staff,
    body: ExchangeReturn | None = None,
    key: KeyHeader = None,
) -> Response:
    """Note what came back and send something else: it comes into the order; the difference is due, or given back."""
    body = body or ExchangeReturn()
    looked = None if body.items is None else looked_of(body.items)
    wanted = None if body.send is None else [(item.variant_id, item.quantity) for item in body.send]
    bound = await request_key(request, staff, key)
    answer = await revisions.exchange(staff, number, return_id, looked, wanted=wanted, answer=body.answer, key=bound)
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")
