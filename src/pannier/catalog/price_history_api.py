"""The route of the price history, for staff."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from pannier.catalog.errors import ProductNotFoundError
from pannier.catalog.price_history import PriceHistory
from pannier.platform.fields import Moment
from pannier.platform.hot import service_of
from pannier.platform.problems import problem_responses
from pannier.platform.record_routes import READ_ERRORS, Limit, Staff, show_page

History = Annotated[PriceHistory, Depends(service_of(PriceHistory))]
_Before = Annotated[int | None, Query(ge=1, le=2**62, description="`next_cursor` of the page before.")]
_Of = Annotated[uuid.UUID | None, Query(description="Of this variant only.")]
_At = Annotated[Moment | None, Query(description="The prices of this moment, instead of all changes.")]

router = APIRouter(prefix="/admin", tags=["admin"])


class PriceChange(BaseModel):
    """A change of one price, in minor units. `amount_before` null: it is new; `amount` null: it was taken away."""

    id: int
    variant_id: uuid.UUID
    price_list: str
    channel: str | None
    currency: str
    customer_group: str | None
    quantity_min: int
    valid_from: datetime | None
    valid_to: datetime | None
    amount_before: int | None
    amount: int | None
    compare_at_before: int | None
    compare_at: int | None
    actor: str
    reason: str
    correlation_id: str | None
    at: datetime


class PriceHistoryPage(BaseModel):
    """Some changes, the newest first, and where the next page begins."""

    changes: list[PriceChange]
    next_cursor: int | None


@router.get(
    "/products/{product_id}/price-history",
    response_model=PriceHistoryPage,
    responses=problem_responses(ProductNotFoundError, *READ_ERRORS),
)
async def get_price_history(
    product_id: uuid.UUID,
    history: History,
    _: Staff,
    variant_id: _Of = None,
    at: _At = None,
    cursor: _Before = None,
    limit: Limit = 50,
) -> Response:
    """Every change of a product's prices: when, by whom and why. With `at`, what its prices were then.

    A price of that moment is told by the change that made it so, all of them on one page.
    """
    if at is not None:
        found = await history.at(product_id, at, variant_id=variant_id)
        return show_page("changes", found, max(1, len(found)))
    found = await history.changes(product_id, variant_id=variant_id, before=cursor, limit=limit + 1)
    return show_page("changes", found, limit)
