"""The routes of orders, for shoppers and for staff."""

from __future__ import annotations

import uuid
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from pannier.inventory import InsufficientStockError
from pannier.orders.errors import (
    InsufficientOnHandError,
    OrderClosedError,
    OrderNotCancelableError,
    OrderNotFoundError,
    OrderNotFulfilledError,
    OrderQuantityError,
    OrderReturningError,
)
from pannier.orders.models import Order, OrderStatus
from pannier.orders.schemas import CancelOrder, CancelUnits, FulfilOrder, OrderDocument, OrderPage, OrderUnits
from pannier.orders.service import OrderService
from pannier.orders.view import show
from pannier.platform.fields import Moment
from pannier.platform.hot import service_of
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    KeyHeader,
    key_of,
    replay_headers,
)
from pannier.platform.principal import (
    ForbiddenError,
    LoginRequiredError,
    Principal,
    principal_of,
    require_role,
)
from pannier.platform.problems import ValidationFailedError, problem_responses

Orders = Annotated[OrderService, Depends(service_of(OrderService))]
Asker = Annotated[Principal, Depends(principal_of)]
Staff = Annotated[Principal, Depends(require_role("staff"))]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=200)]
_KEY_ERRORS = (IdempotencyConflictError, IdempotencyInFlightError, ValidationFailedError)
_STAFF_ERRORS = (LoginRequiredError, ForbiddenError)

router = APIRouter(tags=["orders"])
admin_router = APIRouter(prefix="/admin/orders", tags=["admin"])


@router.get("/orders", response_model=OrderPage, responses=problem_responses(LoginRequiredError, ValidationFailedError))
async def list_orders(orders: Orders, asker: Asker, cursor: Cursor = None, limit: Limit = 20) -> Response:
    """Your orders, newest first."""
    return _page(*await orders.list_own(asker, cursor=cursor, limit=limit))


@router.get("/orders/{number}", response_model=OrderDocument, responses=problem_responses(OrderNotFoundError))
async def get_order(number: str, orders: Orders, asker: Asker) -> Response:
    """An order of yours; staff see every one. Anybody else's is not there."""
    return _json(msgspec.json.encode(show(await orders.get(asker, number))))


@router.post(
    "/orders/{number}/cancel",
    response_model=OrderDocument,
    responses=problem_responses(OrderNotFoundError, OrderNotCancelableError, OrderReturningError, *_KEY_ERRORS),
)
async def cancel_order(
    number: str,
    request: Request,
    orders: Orders,
    asker: Asker,
    body: CancelOrder | None = None,
    key: KeyHeader = None,
) -> Response:
    """Cancel it before its goods leave; its units are for sale again. Doing it twice changes nothing."""
    reason = "" if body is None else body.reason
    return _answer(await orders.cancel(asker, number, reason=reason, key=await request_key(request, asker, key)))


@admin_router.get(
    "",
    response_model=OrderPage,
    responses=problem_responses(*_STAFF_ERRORS, ValidationFailedError),
)
async def list_all_orders(
    orders: Orders,
    _: Staff,
    status: OrderStatus | None = None,
    external_reference: Annotated[str | None, Query(max_length=200)] = None,
    placed_from: Moment | None = None,
    placed_to: Moment | None = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """Everybody's orders, newest first, by state, by time and by an outside system's reference."""
    found, next_cursor = await orders.list_all(
        status=status,
        external_reference=external_reference,
        placed_from=placed_from,
        placed_to=placed_to,
        cursor=cursor,
        limit=limit,
    )
    return _page(found, next_cursor)


@admin_router.post(
    "/{number}/pay",
    response_model=OrderDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, OrderNotFoundError, OrderClosedError, InsufficientStockError, *_KEY_ERRORS
    ),
)
async def pay_order(number: str, request: Request, orders: Orders, staff: Staff, key: KeyHeader = None) -> Response:
    """Note that it was paid. Doing it twice changes nothing."""
    return _answer(await orders.pay(staff, number, key=await request_key(request, staff, key)))


@admin_router.post(
    "/{number}/fulfil",
    response_model=OrderDocument,
    responses=problem_responses(
        *_STAFF_ERRORS,
        OrderNotFoundError,
        OrderClosedError,
        OrderQuantityError,
        InsufficientOnHandError,
        InsufficientStockError,
        *_KEY_ERRORS,
    ),
)
async def fulfil_order(
    number: str,
    request: Request,
    orders: Orders,
    staff: Staff,
    body: FulfilOrder | None = None,
    key: KeyHeader = None,
) -> Response:
    """Note that its goods have left, all of them (doing that twice changes nothing) or some of those still there."""
    body = body or FulfilOrder()
    tracking = {
        "carrier": body.carrier,
        "tracking_number": body.tracking_number,
        "tracking_url": body.tracking_url,
    }
    bound = await request_key(request, staff, key)
    return _answer(await orders.fulfil(staff, number, _units(body.items), tracking=tracking, key=bound))


@admin_router.post(
    "/{number}/complete",
    response_model=OrderDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, OrderNotFoundError, OrderClosedError, OrderNotFulfilledError, *_KEY_ERRORS
    ),
)
async def complete_order(
    number: str, request: Request, orders: Orders, staff: Staff, key: KeyHeader = None
) -> Response:
    """Note that nothing more is to be done: it is sent and paid. Doing it twice changes nothing."""
    return _answer(await orders.complete(staff, number, key=await request_key(request, staff, key)))


@admin_router.post(
    "/{number}/cancel-fulfilment",
    response_model=OrderDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, OrderNotFoundError, OrderClosedError, OrderReturningError, *_KEY_ERRORS
    ),
)
async def cancel_fulfilment(
    number: str, request: Request, orders: Orders, staff: Staff, key: KeyHeader = None
) -> Response:
    """Note that what had left is back: it is held for the order again."""
    return _answer(await orders.cancel_fulfilment(staff, number, key=await request_key(request, staff, key)))


@admin_router.post(
    "/{number}/cancel",
    response_model=OrderDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, OrderNotFoundError, OrderQuantityError, OrderReturningError, *_KEY_ERRORS
    ),
)
async def cancel_units(
    number: str,
    request: Request,
    orders: Orders,
    staff: Staff,
    body: CancelUnits | None = None,
    key: KeyHeader = None,
) -> Response:
    """Take units out of an order, or all: held ones first, then those that had left, which are for sale again. What was
    paid for them is given back."""
    items, reason = (None, "") if body is None else (_units(body.items), body.reason)
    return _answer(
        await orders.cancel_units(staff, number, items, reason=reason, key=await request_key(request, staff, key))
    )


async def request_key(request: Request, asker: Principal, key: str | None) -> Key | None:
    """The request's idempotency key, bound to its method, path and body."""
    if key is None:
        return None
    return key_of(asker, key, method=request.method, target=request.scope["path"], body=await request.body())


def _units(items: list[OrderUnits] | None) -> dict[uuid.UUID, int] | None:
    """Units by variant; one that is named twice is added up."""
    if items is None:
        return None
    units: dict[uuid.UUID, int] = {}
    for item in items:
        units[item.variant_id] = units.get(item.variant_id, 0) + item.quantity
    return units


def _page(found: list[Order], next_cursor: str | None) -> Response:
    return _json(msgspec.json.encode({"orders": [show(order) for order in found], "next_cursor": next_cursor}))


def _answer(answer: Answer) -> Response:
    return _json(answer.body, answer.status, replay_headers(answer))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")
