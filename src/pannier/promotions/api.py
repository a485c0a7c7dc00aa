"""The routes of promotions and price rules, for staff."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from pannier.platform.hot import service_of
from pannier.platform.problems import problem_responses
from pannier.platform.record_routes import (
    CHANGE_ERRORS,
    READ_ERRORS,
    WRITE_ERRORS,
    Command,
    Cursor,
    IsArchived,
    Limit,
    Staff,
    decimals_of,
    show,
    show_page,
)
from pannier.platform.records import RecordTable
from pannier.promotions.errors import (
    CouponsNotNeededError,
    LimitBelowUsedError,
    PriceRuleNotFoundError,
    PromotionNotFoundError,
    ReferenceTakenError,
)
from pannier.promotions.keeping import columns_of
from pannier.promotions.schemas import (
    NewPriceRule,
    NewPromotion,
    PriceRuleChanges,
    PriceRuleDocument,
    PriceRulePage,
    PromotionChanges,
    PromotionDocument,
    PromotionPage,
    changes_of,
)
from pannier.promotions.service import PRICE_RULES, PROMOTIONS, PromotionService

Promotions = Annotated[PromotionService, Depends(service_of(PromotionService))]
IsActive = Annotated[bool | None, Query(description="Only those that are on, or off.")]
_CHANGE_PROMOTION = problem_responses(
    PromotionNotFoundError, LimitBelowUsedError, CouponsNotNeededError, ReferenceTakenError, *CHANGE_ERRORS
)
_SWITCH_PROMOTION = problem_responses(PromotionNotFoundError, *CHANGE_ERRORS)
_CHANGE_RULE = problem_responses(PriceRuleNotFoundError, *CHANGE_ERRORS)

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/promotions", response_model=PromotionPage, responses=problem_responses(*READ_ERRORS))
async def list_promotions(
    promotions: Promotions,
    _: Staff,
    active: IsActive = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    archived: IsArchived = False,
) -> Response:
    """Promotions, in the order in which they were made."""
    found = await promotions.page(PROMOTIONS, after=cursor, limit=limit + 1, is_archived=archived, is_active=active)
    return show_page("promotions", found, limit)


@router.post(
    "/promotions",
    status_code=201,
    response_model=PromotionDocument,
    responses=problem_responses(ReferenceTakenError, *WRITE_ERRORS),
)
async def create_promotion(body: NewPromotion, promotions: Promotions, command: Command) -> Response:
    """Make a promotion. What is wrong with its definition is told with its path and what is allowed there."""
    values = _values(body.model_dump())
    return await command.answer(
        lambda conn: promotions.create(conn, PROMOTIONS, values, command.cause, command.now), status=201
    )


@router.get(
    "/promotions/{promotion_id}",
    response_model=PromotionDocument,
    responses=problem_responses(PromotionNotFoundError, *READ_ERRORS),
)
async def get_promotion(promotion_id: uuid.UUID, promotions: Promotions, _: Staff) -> Response:
    """A promotion, and how often it was used."""
    return show(await promotions.get(PROMOTIONS, promotion_id))


@router.patch("/promotions/{promotion_id}", response_model=PromotionDocument, responses=_CHANGE_PROMOTION)
async def change_promotion(
    promotion_id: uuid.UUID, body: PromotionChanges, promotions: Promotions, command: Command
) -> Response:
    """Change a promotion, from the next look at a cart on. Orders keep what they were given."""
    return await _change(PROMOTIONS, promotion_id, _values(changes_of(body)), promotions, command)


@router.post("/promotions/{promotion_id}/activate", response_model=PromotionDocument, responses=_SWITCH_PROMOTION)
async def activate_promotion(promotion_id: uuid.UUID, promotions: Promotions, command: Command) -> Response:
    """Let a promotion count. Doing it twice changes nothing."""
    return await _switch(PROMOTIONS, promotion_id, promotions, command, is_active=True)


@router.post("/promotions/{promotion_id}/deactivate", response_model=PromotionDocument, responses=_SWITCH_PROMOTION)
async def deactivate_promotion(promotion_id: uuid.UUID, promotions: Promotions, command: Command) -> Response:
    """Let a promotion count no longer. Doing it twice changes nothing."""
    return await _switch(PROMOTIONS, promotion_id, promotions, command, is_active=False)


@router.delete("/promotions/{promotion_id}", response_model=PromotionDocument, responses=_SWITCH_PROMOTION)
async def archive_promotion(promotion_id: uuid.UUID, promotions: Promotions, command: Command) -> Response:
    """Archive a promotion: it is off for good, and its coupons with it. Doing it twice changes nothing."""
    return await _archive(PROMOTIONS, promotion_id, promotions, command)


@router.get("/price-rules", response_model=PriceRulePage, responses=problem_responses(*READ_ERRORS))
async def list_price_rules(
    promotions: Promotions,
    _: Staff,
    active: IsActive = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    archived: IsArchived = False,
) -> Response:
    """Price rules, in the order in which they were made."""
    found = await promotions.page(PRICE_RULES, after=cursor, limit=limit + 1, is_archived=archived, is_active=active)
    return show_page("price_rules", found, limit)


@router.post(
    "/price-rules", status_code=201, response_model=PriceRuleDocument, responses=problem_responses(*WRITE_ERRORS)
)
async def create_price_rule(body: NewPriceRule, promotions: Promotions, command: Command) -> Response:
    """Make a price rule: what it takes off stands on the shelf, before any promotion."""
    values = _values(body.model_dump())
    return await command.answer(
        lambda conn: promotions.create(conn, PRICE_RULES, values, command.cause, command.now), status=201
    )


@router.get(
    "/price-rules/{price_rule_id}",
    response_model=PriceRuleDocument,
    responses=problem_responses(PriceRuleNotFoundError, *READ_ERRORS),
)
async def get_price_rule(price_rule_id: uuid.UUID, promotions: Promotions, _: Staff) -> Response:
    """A price rule."""
    return show(await promotions.get(PRICE_RULES, price_rule_id))


@router.patch("/price-rules/{price_rule_id}", response_model=PriceRuleDocument, responses=_CHANGE_RULE)
async def change_price_rule(
    price_rule_id: uuid.UUID, body: PriceRuleChanges, promotions: Promotions, command: Command
) -> Response:
    """Change a price rule."""
    return await _change(PRICE_RULES, price_rule_id, _values(changes_of(body)), promotions, command)


@router.post("/price-rules/{price_rule_id}/activate", response_model=PriceRuleDocument, responses=_CHANGE_RULE)
async def activate_price_rule(price_rule_id: uuid.UUID, promotions: Promotions, command: Command) -> Response:
    """Let a price rule count. Doing it twice changes nothing."""
    return await _switch(PRICE_RULES, price_rule_id, promotions, command, is_active=True)


@router.post("/price-rules/{price_rule_id}/deactivate", response_model=PriceRuleDocument, responses=_CHANGE_RULE)
async def deactivate_price_rule(price_rule_id: uuid.UUID, promotions: Promotions, command: Command) -> Response:
    """Let a price rule count no longer. Doing it twice changes nothing."""
    return await _switch(PRICE_RULES, price_rule_id, promotions, command, is_active=False)


@router.delete("/price-rules/{price_rule_id}", response_model=PriceRuleDocument, responses=_CHANGE_RULE)
async def archive_price_rule(price_rule_id: uuid.UUID, promotions: Promotions, command: Command) -> Response:
    """Archive a price rule: it is off for good. Doing it twice changes nothing."""
    return await _archive(PRICE_RULES, price_rule_id, promotions, command)


async def _change(
    table: RecordTable, record_id: uuid.UUID, values: Mapping[str, Any], promotions: PromotionService, command: Command
) -> Response:
    return await command.answer(
        lambda conn: promotions.change(conn, table, record_id, values, command.cause, command.now, command.if_match)
    )


async def _switch(
    table: RecordTable, record_id: uuid.UUID, promotions: PromotionService, command: Command, *, is_active: bool
) -> Response:
    return await command.answer(
        lambda conn: promotions.switch(
            conn, table, record_id, command.cause, command.now, command.if_match, is_active=is_active
        )
    )


async def _archive(
    table: RecordTable, record_id: uuid.UUID, promotions: PromotionService, command: Command
) -> Response:
    return await command.answer(
        lambda conn: promotions.archive(conn, table, record_id, command.cause, command.now, command.if_match)
    )


def _values(sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, by the names of the columns, with every digit of the definition."""
    if "definition" in sent:
        sent["definition"] = decimals_of(sent["definition"], "definition")
    return columns_of(sent)
