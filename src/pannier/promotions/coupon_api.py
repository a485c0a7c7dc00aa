"""The routes of coupons, for staff."""

from __future__ import annotations

import uuid
from typing import Annotated

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
    show,
    show_page,
)
from pannier.platform.records import RecordArchivedError
from pannier.promotions.coupon_service import CouponService
from pannier.promotions.errors import (
    CodesGuessableError,
    CouponCodeTakenError,
    CouponNotFoundError,
    CouponsNotNeededError,
    LimitBelowUsedError,
    PromotionNotFoundError,
)
from pannier.promotions.keeping import columns_of
from pannier.promotions.schemas import (
    BatchCodes,
    CouponBatch,
    CouponChanges,
    CouponDocument,
    CouponPage,
    NewCoupon,
    NewCoupons,
    changes_of,
)

Coupons = Annotated[CouponService, Depends(service_of(CouponService))]
_OF_PROMOTION = Annotated[uuid.UUID | None, Query(description="Only those of a promotion.")]
_OF_BATCH = Annotated[uuid.UUID | None, Query(description="Only those that were made together.")]
_Code = Annotated[
    str | None, Query(max_length=64, pattern=r"^[^\x00]*$", description="Only the one with this code, in any case.")
]
_MAKE_ERRORS = (
    *(PromotionNotFoundError, CouponsNotNeededError, CouponCodeTakenError, RecordArchivedError),
    *WRITE_ERRORS,
)
_SWITCH = problem_responses(CouponNotFoundError, *CHANGE_ERRORS)

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/coupons", response_model=CouponPage, responses=problem_responses(*READ_ERRORS))
async def list_coupons(
    coupons: Coupons,
    _: Staff,
    promotion_id: _OF_PROMOTION = None,
    batch_id: _OF_BATCH = None,
    code: _Code = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    archived: IsArchived = False,
) -> Response:
    """Coupons, in the order in which they were made."""
    found = await coupons.page(
        after=cursor, limit=limit + 1, is_archived=archived, promotion_id=promotion_id, batch_id=batch_id, code=code
    )
    return show_page("coupons", found, limit)


@router.post("/coupons", status_code=201, response_model=CouponDocument, responses=problem_responses(*_MAKE_ERRORS))
async def create_coupon(body: NewCoupon, coupons: Coupons, command: Command) -> Response:
    """Make a coupon of a promotion that needs a code."""
    values = columns_of(body.model_dump())
    return await command.answer(lambda conn: coupons.create(conn, values, command.cause, command.now), status=201)


@router.post(
    "/coupon-batches",
    status_code=201,
    response_model=CouponBatch,
    responses=problem_responses(CodesGuessableError, *_MAKE_ERRORS),
)
async def generate_coupons(body: NewCoupons, coupons: Coupons, command: Command) -> Response:
    """Make up to 100,000 coupons with random codes, all or none; the batch's codes are to be had at its address."""
    values = columns_of(body.model_dump(exclude={"count", "prefix", "length"}))
    return await command.answer(
        lambda conn: coupons.generate(conn, values, body.count, body.prefix, body.length, command.cause, command.now),
        status=201,
        is_long=True,
    )


@router.get(
    "/coupon-batches/{batch_id}/codes",
    response_model=BatchCodes,
    responses=problem_responses(CouponNotFoundError, *READ_ERRORS),
)
async def get_batch_codes(batch_id: uuid.UUID, coupons: Coupons, _: Staff) -> Response:
    """All codes of coupons that were made together."""
    return show({"batch_id": batch_id, "codes": await coupons.codes(batch_id)})


@router.get(
    "/coupons/{coupon_id}",
    response_model=CouponDocument,
    responses=problem_responses(CouponNotFoundError, *READ_ERRORS),
)
async def get_coupon(coupon_id: uuid.UUID, coupons: Coupons, _: Staff) -> Response:
    """A coupon, and how often it was used."""
    return show(await coupons.get(coupon_id))


@router.patch(
    "/coupons/{coupon_id}",
    response_model=CouponDocument,
    responses=problem_responses(CouponNotFoundError, LimitBelowUsedError, *CHANGE_ERRORS),
)
async def change_coupon(coupon_id: uuid.UUID, body: CouponChanges, coupons: Coupons, command: Command) -> Response:
    """Change a coupon's days and limits."""
    values = columns_of(changes_of(body))
    return await command.answer(
        lambda conn: coupons.change(conn, coupon_id, values, command.cause, command.now, command.if_match)
    )


@router.post("/coupons/{coupon_id}/activate", response_model=CouponDocument, responses=_SWITCH)
async def activate_coupon(coupon_id: uuid.UUID, coupons: Coupons, command: Command) -> Response:
    """Let a coupon be used. Doing it twice changes nothing."""
    return await _switch(coupon_id, coupons, command, is_active=True)


@router.post("/coupons/{coupon_id}/deactivate", response_model=CouponDocument, responses=_SWITCH)
async def deactivate_coupon(coupon_id: uuid.UUID, coupons: Coupons, command: Command) -> Response:
    """Let a coupon be used no longer. Doing it twice changes nothing."""
    return await _switch(coupon_id, coupons, command, is_active=False)


@router.delete("/coupons/{coupon_id}", response_model=CouponDocument, responses=_SWITCH)
async def archive_coupon(coupon_id: uuid.UUID, coupons: Coupons, command: Command) -> Response:
    """Archive a coupon; its code stays taken. Doing it twice changes nothing."""
    return await command.answer(
        lambda conn: coupons.archive(conn, coupon_id, command.cause, command.now, command.if_match)
    )


async def _switch(coupon_id: uuid.UUID, coupons: CouponService, command: Command, *, is_active: bool) -> Response:
    return await command.answer(
        lambda conn: coupons.switch(conn, coupon_id, command.cause, command.now, command.if_match, is_active=is_active)
    )
