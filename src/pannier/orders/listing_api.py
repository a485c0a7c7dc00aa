"""The routes by which staff find orders, and take them with them."""

from __future__ import annotations

import uuid
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from pannier.orders.api import Cursor, Limit, Staff
from pannier.orders.listing import Filter, OrderListing
from pannier.orders.models import OrderStatus, PaymentStatus
from pannier.orders.schemas import OrderPage
from pannier.orders.view import show
from pannier.platform.fields import Moment
from pannier.platform.hot import service_of
from pannier.platform.principal import ForbiddenError, LoginRequiredError
from pannier.platform.problems import ValidationFailedError, problem_responses

Listing = Annotated[OrderListing, Depends(service_of(OrderListing))]
_Sought = Annotated[str | None, Query(max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$")]
_ERRORS = problem_responses(LoginRequiredError, ForbiddenError, ValidationFailedError)

admin_listing_router = APIRouter(prefix="/admin/orders", tags=["admin"])


def wanted_orders(
    q: _Sought = None,
    email: _Sought = None,
    user_id: _Sought = None,
    variant_id: uuid.UUID | None = None,
    status: OrderStatus | None = None,
    payment_status: PaymentStatus | None = None,
    placed_from: Moment | None = None,
    placed_to: Moment | None = None,
) -> Filter:
    """What is looked for, from the query."""
    return Filter(q, email, user_id, variant_id, status, payment_status, placed_from, placed_to)


Wanted = Annotated[Filter, Depends(wanted_orders)]


@admin_listing_router.get("/search", response_model=OrderPage, responses=_ERRORS)
async def search_orders(
    listing: Listing, _: Staff, wanted: Wanted, cursor: Cursor = None, limit: Limit = 20
) -> Response:
    """Orders by number, name or e-mail address (`q`), customer, product and state, newest first."""
    found, next_cursor = await listing.find(wanted, cursor=cursor, limit=limit)
    page = {"orders": [show(order) for order in found], "next_cursor": next_cursor}
    return Response(msgspec.json.encode(page), media_type="application/json")


@admin_listing_router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **_ERRORS},
)
async def export_orders(listing: Listing, _: Staff, wanted: Wanted) -> StreamingResponse:
    """All orders that match as CSV, a line each, streamed: amounts in major units, times in UTC."""
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"'}
    return StreamingResponse(listing.as_csv(wanted), media_type="text/csv", headers=headers)
