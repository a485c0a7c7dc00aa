"""The routes by which staff see what an outside order service was told, and have it told again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from pannier.orders.api import Staff
from pannier.orders.errors import HandoverNotFoundError, OrderNotFoundError
from pannier.orders.handover import HandoverService
from pannier.orders.models import Handover, HandoverState
from pannier.platform.hot import service_of
from pannier.platform.principal import ForbiddenError, LoginRequiredError
from pannier.platform.problems import ValidationFailedError, problem_responses

Handovers = Annotated[HandoverService, Depends(service_of(HandoverService))]
_ERRORS = (LoginRequiredError, ForbiddenError, OrderNotFoundError)

admin_handover_router = APIRouter(prefix="/admin/orders", tags=["admin"])


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HandoverDocument(_Closed):
    """One event of an order that the order service is told of; `reference` is what it calls the order."""

    id: uuid.UUID
    type: str
    version: int
    state: HandoverState
    tries: int
    reference: str | None
    failure: str | None
    at: datetime
    due_at: datetime | None
    taken_at: datetime | None


class HandoverList(_Closed):
    """What the order service was told of an order, and is to be told, oldest first."""

    handovers: list[HandoverDocument]


@admin_handover_router.get("/{number}/handovers", response_model=HandoverList, responses=problem_responses(*_ERRORS))
async def list_handovers(number: str, handovers: Handovers, staff: Staff) -> Response:
    """What the order service was told of an order, and is to be told."""
    return _listed(await handovers.of_order(staff, number))


@admin_handover_router.post(
    "/{number}/handovers/{handover_id}/again",
    response_model=HandoverList,
    responses=problem_responses(*_ERRORS, HandoverNotFoundError, ValidationFailedError),
)
async def tell_again(number: str, handover_id: uuid.UUID, handovers: Handovers, staff: Staff) -> Response:
    """Have the order service told again, now, what it refused or did not take yet. Doing it twice changes nothing."""
    return _listed(await handovers.again(staff, number, handover_id))


def _listed(found: Sequence[Handover]) -> Response:
    fields = tuple(HandoverDocument.model_fields)
    shown = [{name: getattr(one, name) for name in fields} for one in found]
    return Response(msgspec.json.encode({"handovers": shown}), media_type="application/json")
