"""The routes of what comes after a sale: parcels, refunds, returns; for customers and for staff."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from pannier.orders.after_schemas import (
    AftermathDocument,
    AnswerReturn,
    CompleteReturn,
    LookedItem,
    RefundAnswer,
    RefundOrder,
    RequestReturn,
    ReturnAnswer,
)
from pannier.orders.after_view import show_aftermath
from pannier.orders.api import Asker, Orders, Staff, request_key
from pannier.orders.errors import (
    OrderNotFoundError,
    OrderQuantityError,
    RefundExceedsError,
    ReturnNotFoundError,
    ReturnStateError,
    ReturnTooLateError,
)
from pannier.orders.models import ReturnState
from pannier.orders.refund_rules import Wanted
from pannier.orders.refunding import RefundService
from pannier.orders.return_rules import Asked, Looked
from pannier.orders.returning import ReturnService
from pannier.platform.hot import service_of
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    KeyHeader,
    replay_headers,
)
from pannier.platform.principal import ForbiddenError, LoginRequiredError
from pannier.platform.problems import ValidationFailedError, problem_responses

Refunds = Annotated[RefundService, Depends(service_of(RefundService))]
Returns = Annotated[ReturnService, Depends(service_of(ReturnService))]
_KEY_ERRORS = (IdempotencyConflictError, IdempotencyInFlightError, ValidationFailedError)
_STAFF_ERRORS = (LoginRequiredError, ForbiddenError, OrderNotFoundError)
_STEPS: Mapping[str, ReturnState] = {"approve": "approved", "receive": "received", "reject": "rejected"}

after_router = APIRouter(tags=["orders"])
admin_after_router = APIRouter(prefix="/admin/orders", tags=["admin"])


@after_router.get(
    "/orders/{number}/aftermath", response_model=AftermathDocument, responses=problem_responses(OrderNotFoundError)
)
async def get_aftermath(number: str, orders: Orders, asker: Asker) -> Response:
    """What came after your order: parcels with their tracking, refunds, returns, and edits."""
    order, after = await orders.aftermath(asker, number)
    return _json(msgspec.json.encode(show_aftermath(order, after), enc_hook=str))


@after_router.post(
    "/orders/{number}/returns",
    status_code=201,
    response_model=ReturnAnswer,
    responses=problem_responses(OrderNotFoundError, OrderQuantityError, ReturnTooLateError, *_KEY_ERRORS),
)
async def request_return(
    number: str, body: RequestReturn, request: Request, returns: Returns, asker: Asker, key: KeyHeader = None
) -> Response:
    """Ask to send goods back that were sent to you; the shop approves it, or says why not."""
    bound = await request_key(request, asker, key)
    return _answer(
        await returns.request(asker, number, _asked(body), reason=body.reason, exchange_for=_wishes(body), key=bound)
    )


@after_router.post(
    "/orders/{number}/returns/{return_id}/cancel",
    response_model=ReturnAnswer,
    responses=problem_responses(OrderNotFoundError, ReturnNotFoundError, ReturnStateError, *_KEY_ERRORS),
)
async def cancel_return(
    number: str, return_id: uuid.UUID, request: Request, returns: Returns, asker: Asker, key: KeyHeader = None
) -> Response:
    """Keep the goods after all. Doing it twice changes nothing."""
    bound = await request_key(request, asker, key)
    return _answer(await returns.move_on(asker, number, return_id, "canceled", key=bound))


@admin_after_router.post(
    "/{number}/refunds",
    status_code=201,
    response_model=RefundAnswer,
    responses=problem_responses(*_STAFF_ERRORS, OrderQuantityError, RefundExceedsError, *_KEY_ERRORS),
)
async def refund_order(
    number: str,
    request: Request,
    refunds: Refunds,
    staff: Staff,
    body: RefundOrder | None = None,
    key: KeyHeader = None,
) -> Response:
    """Give money back: an amount, amounts of lines, or all there is. Never more than was paid."""
    body = body or RefundOrder()
    if body.amount is not None and body.items is not None:
        raise ValidationFailedError.of([("amount", "Say an amount, or amounts of items, not both")])
    lines: dict[uuid.UUID, int] | None = None
    if body.items is not None:
        lines = {}
        for item in body.items:
            lines[item.item_id] = lines.get(item.item_id, 0) + item.amount
    bound = await request_key(request, staff, key)
    return _answer(await refunds.refund(staff, number, Wanted(body.amount, lines), reason=body.reason, key=bound))


@admin_after_router.post(
    "/{number}/returns",
    status_code=201,
    response_model=ReturnAnswer,
    responses=problem_responses(*_STAFF_ERRORS, OrderQuantityError, *_KEY_ERRORS),
)
async def note_return(
    number: str, body: RequestReturn, request: Request, returns: Returns, staff: Staff, key: KeyHeader = None
) -> Response:
    """Note goods that are to come back, or are there already: approved at once."""
    bound = await request_key(request, staff, key)
    return _answer(
        await returns.request(
            staff, number, _asked(body), reason=body.reason, is_approved=True, exchange_for=_wishes(body), key=bound
        )
    )


@admin_after_router.post(
    "/{number}/returns/{return_id}/complete",
    response_model=ReturnAnswer,
    responses=problem_responses(
        *_STAFF_ERRORS, OrderQuantityError, ReturnNotFoundError, ReturnStateError, *_KEY_ERRORS
    ),
)
async def complete_return(
    number: str,
    return_id: uuid.UUID,
    request: Request,
    returns: Returns,
    staff: Staff,
    body: CompleteReturn | None = None,
    key: KeyHeader = None,
) -> Response:
    """Note what looking at the goods came to: for sale again, or written off. Their value is refunded."""
    body = body or CompleteReturn()
    looked = None if body.items is None else looked_of(body.items)
    bound = await request_key(request, staff, key)
    return _answer(
        await returns.complete(staff, number, return_id, looked, pays_back=body.refund, answer=body.answer, key=bound)
    )


@admin_after_router.post(
    "/{number}/returns/{return_id}/{step}",
    response_model=ReturnAnswer,
    responses=problem_responses(*_STAFF_ERRORS, ReturnNotFoundError, ReturnStateError, *_KEY_ERRORS),
)
async def move_return_on(
    number: str,
    return_id: uuid.UUID,
    step: Literal["approve", "receive", "reject"],
    request: Request,
    returns: Returns,
    staff: Staff,
    body: AnswerReturn | None = None,
    key: KeyHeader = None,
) -> Response:
    """Approve a return, note that the goods are there, or reject it. Doing it twice changes nothing."""
    answer = "" if body is None else body.answer
    bound = await request_key(request, staff, key)
    return _answer(await returns.move_on(staff, number, return_id, _STEPS[step], answer=answer, key=bound))


def _asked(body: RequestReturn) -> Sequence[Asked]:
    return [Asked(item.item_id, item.quantity, item.reason) for item in body.items]


def _wishes(body: RequestReturn) -> Sequence[Mapping[str, Any]]:
    return [{"variant_id": str(wish.variant_id), "quantity": wish.quantity} for wish in body.exchange_for]


def looked_of(items: Sequence[LookedItem]) -> Sequence[Looked]:
    """What looking at goods came to, by line; one that is named twice is added up."""
    found: dict[uuid.UUID, Looked] = {}
    for item in items:
        before = found.get(item.item_id, Looked(item.item_id))
        found[item.item_id] = Looked(
            item.item_id, before.restocked + item.restocked, before.written_off + item.written_off
        )
    return list(found.values())


def _answer(answer: Answer) -> Response:
    return _json(answer.body, answer.status, replay_headers(answer))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")
