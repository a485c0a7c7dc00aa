"""The route of buying the same again."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pannier.cart import Command, InvalidQuantityError, headers_of, owner_of
from pannier.checkout.reordering import ReorderService
from pannier.orders import OrderNotFoundError
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError, KeyHeader, key_of
from pannier.platform.principal import LoginRequiredError, Principal, principal_of
from pannier.platform.problems import ValidationFailedError, problem_responses

# A blank keeps the cart's record apart from those of other requests.
_CART_KEY = "reorder "

reordering_router = APIRouter(tags=["orders"])


class ReorderedItem(BaseModel):
    """What became of one line of the order; `message` says why not all of it is in the cart."""

    model_config = ConfigDict(extra="forbid")

    item_id: uuid.UUID
    variant_id: uuid.UUID
    name: str
    requested: int
    added: int = Field(description="Units that came into the cart.")
    error: str | None
    message: str | None


class ReorderedDocument(BaseModel):
    """A result for each line of the order, and the cart as GET /cart has it."""

    model_config = ConfigDict(extra="forbid")

    results: list[ReorderedItem]
    cart: dict[str, Any]


@reordering_router.post(
    "/orders/{number}/reorder",
    response_model=ReorderedDocument,
    responses=problem_responses(
        OrderNotFoundError,
        LoginRequiredError,
        InvalidQuantityError,
        ValidationFailedError,
        IdempotencyConflictError,
        IdempotencyInFlightError,
    ),
)
async def reorder(
    number: str,
    request: Request,
    reordering: Annotated[ReorderService, Depends(service_of(ReorderService))],
    asker: Annotated[Principal, Depends(principal_of)],
    channel: Annotated[str | None, Query(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")] = None,
    key: KeyHeader = None,
) -> Response:
    """Put what can be had of an order of yours into your cart, at today's prices; what cannot is told."""
    context: RequestContext = request.scope["pannier"]
    bound = key_of(asker, key, method=request.method, target=request.scope["path"], body=await request.body())
    command = Command(
        owner_of(asker),
        "cart.reordered",
        idempotency_key=None if bound is None else _CART_KEY + bound.key,
        request_hash=b"" if bound is None else bound.request_hash,
        channel=channel,
        actor=asker.user_id or asker.kind,
        device=asker.device,
        correlation_id=context.request_id,
    )
    done = await reordering.reorder(asker, number, command)
    document = {"results": done.results, "cart": msgspec.to_builtins(done.outcome.cart)}
    response = Response(msgspec.json.encode(document), media_type="application/json")
    for name, value in headers_of(context, done.outcome):
        if name == b"set-cookie":
            response.raw_headers.append((name, value))
    return response
