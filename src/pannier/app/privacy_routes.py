"""Giving a customer everything that is held of him."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from pannier.app.privacy import PrivacyService
from pannier.platform.hot import service_of
from pannier.platform.principal import LoginRequiredError, Principal, require_user
from pannier.platform.problems import problem_responses

router = APIRouter(prefix="/me", tags=["me"])


class ExportDocument(BaseModel):
    """Everything that is held of a customer; each part as it is stored."""

    user_id: str
    exported_at: str
    account: dict[str, Any] | None
    sessions: list[dict[str, Any]]
    addresses: list[dict[str, Any]]
    preferences: dict[str, Any]
    consents: list[dict[str, Any]]
    history: list[dict[str, Any]]
    carts: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    wishlists: list[dict[str, Any]]
    events: int
    kept_answers: int


@router.get("/export", response_model=ExportDocument, responses=problem_responses(LoginRequiredError))
async def export_me(
    user: Annotated[Principal, Depends(require_user)],
    privacy: Annotated[PrivacyService, Depends(service_of(PrivacyService))],
) -> Response:
    """Everything that is held of you, as one JSON file."""
    body = msgspec.json.encode(await privacy.export(user))
    return Response(
        body, media_type="application/json", headers={"Content-Disposition": 'attachment; filename="my-data.json"'}
    )
