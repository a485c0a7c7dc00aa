"""The routes of paying what an order has due."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pannier.checkout.dues import DueService
from pannier.checkout.errors import CompletionInProgressError, PaymentMethodUnavailableError, TotalChangedError
from pannier.inventory import InsufficientStockError
from pannier.kernel.money import AMOUNT_MAX
from pannier.orders import NothingDueError, OrderClosedError, OrderDocument, OrderMoney, OrderNotFoundError, request_key
from pannier.payments import PaymentFailedError, ProviderUnavailableError
from pannier.platform.fields import Request as Asked
from pannier.platform.fields import Short
from pannier.platform.hot import service_of
from pannier.platform.idempotency import (
    IdempotencyConflictError,
    IdempotencyInFlightError,
    KeyHeader,
    replay_headers,
)
from pannier.platform.principal import Principal, principal_of
from pannier.platform.problems import ValidationFailedError, problem_responses

Dues = Annotated[DueService, Depends(service_of(DueService))]
Asker = Annotated[Principal, Depends(principal_of)]

dues_router = APIRouter(tags=["orders"])


class DueLink(BaseModel):
    """Where the shopper goes: `payment` is the provider's page."""

    model_config = ConfigDict(extra="forbid")

    rel: Literal["payment"]
    href: str


class DuePayment(BaseModel):
    """A payment of what an order has due.

    `requires_escalation`: the shopper has to go where the link `payment` leads; without a link her bank takes its time.
    """

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID
    status: Literal["in_progress", "requires_escalation", "paid"]
    payment_method: str
    amount: OrderMoney
    links: list[DueLink]
    created_at: datetime


class DueDocument(BaseModel):
    """What an order has due now, the ways that pay it at once, and the payment of it that is under way.

    `amount` is the order's `balance`, where that is not below nothing, without what its checkout is being paid.
    """

    model_config = ConfigDict(extra="forbid")

    amount: OrderMoney
    payment_methods: list[str]
    payment: DuePayment | None


class DueAnswer(BaseModel):
    """A payment, and the order as it is with it."""

    model_config = ConfigDict(extra="forbid")

    payment: DuePayment
    order: OrderDocument


class PayDue(Asked):
    """How to pay: by default as the order was, or the shop's first way that takes money at once.

    `payment_token` stands for a card that the provider knows; without it the provider shows its page, which leads back
    to `return_url`. `expected_amount`: what the shopper was shown, in minor units; nothing else is charged then.
    """

    payment_method: Short | None = None
    payment_token: Short | None = None
    return_url: Annotated[str, Field(max_length=2000)] | None = None
    expected_amount: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | None = None


@dues_router.get(
    "/orders/{number}/payments", response_model=DueDocument, responses=problem_responses(OrderNotFoundError)
)
async def get_due(number: str, dues: Dues, asker: Asker) -> Response:
    """What your order has due, and how it can be paid at once."""
    return _json(await dues.offer(asker, number))


@dues_router.post(
    "/orders/{number}/payments",
    status_code=201,
    response_model=DueAnswer,
    responses=problem_responses(
        OrderNotFoundError,
        OrderClosedError,
        NothingDueError,
        TotalChangedError,
        PaymentMethodUnavailableError,
        InsufficientStockError,
        PaymentFailedError,
        ProviderUnavailableError,
        CompletionInProgressError,
        ValidationFailedError,
        IdempotencyConflictError,
        IdempotencyInFlightError,
    ),
)
async def pay_due(
    number: str, request: Request, dues: Dues, asker: Asker, body: PayDue | None = None, key: KeyHeader = None
) -> Response:
    """Pay exactly what your order has due, once, however often it is asked."""
    body = body or PayDue()
    answer = await dues.pay(
        asker,
        number,
        payment_method=body.payment_method,
        payment_token=body.payment_token,
        return_url=body.return_url,
        expected_amount=body.expected_amount,
        key=await request_key(request, asker, key),
    )
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")


@dues_router.post(
    "/orders/{number}/payments/return",
    response_model=DueDocument,
    responses=problem_responses(OrderNotFoundError, ProviderUnavailableError),
)
async def return_to_order(number: str, dues: Dues, asker: Asker) -> Response:
    """The shopper is back from the provider's page: what is still due, with what became of the payment."""
    await dues.come_back(asker, number)
    return _json(await dues.offer(asker, number))


def _json(document: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(document, enc_hook=str), media_type="application/json")
