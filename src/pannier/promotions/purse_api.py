"""The routes of gift cards, and of what prices know of customers; for staff."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from pannier.platform.fields import Moment
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
from pannier.platform.records import RecordChangedError
from pannier.platform.settings import Settings
from pannier.promotions.api import IsActive
from pannier.promotions.customer_repository import AuditFilter
from pannier.promotions.customer_service import CustomerPriceService
from pannier.promotions.errors import BalanceShortError, CouponCodeTakenError, GiftCardNotFoundError
from pannier.promotions.keeping import columns_of
from pannier.promotions.purse_service import PurseKind, PurseService
from pannier.promotions.schemas import (
    AuditPage,
    BalanceChange,
    CreditChange,
    CustomerChanges,
    CustomerDocument,
    CustomerPurses,
    GiftCardChanges,
    GiftCardPage,
    NewGiftCard,
    NewGiftCardDocument,
    PurseDocument,
    PurseWithMovements,
    changes_of,
)

Purses = Annotated[PurseService, Depends(service_of(PurseService))]
Customers = Annotated[CustomerPriceService, Depends(service_of(CustomerPriceService))]
ShopSettings = Annotated[Settings, Depends(service_of(Settings))]
UserId = Annotated[str, Path(max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$", description="Whoever vouches for it.")]
_Text = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]
_Before = Annotated[int | None, Query(ge=1, le=2**62, description="Movements before this one.")]
_CHANGE = problem_responses(GiftCardNotFoundError, *CHANGE_ERRORS)

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/gift-cards", response_model=GiftCardPage, responses=problem_responses(*READ_ERRORS))
async def list_gift_cards(
    purses: Purses,
    _: Staff,
    active: IsActive = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    archived: IsArchived = False,
) -> Response:
    """Gift cards, in the order in which they were made."""
    found = await purses.gift_cards(after=cursor, limit=limit + 1, is_archived=archived, is_active=active)
    return show_page("gift_cards", found, limit)


@router.post(
    "/gift-cards",
    status_code=201,
    response_model=NewGiftCardDocument,
    responses=problem_responses(CouponCodeTakenError, *WRITE_ERRORS),
)
async def create_gift_card(body: NewGiftCard, purses: Purses, settings: ShopSettings, command: Command) -> Response:
    """Make a gift card. Its code is in this answer only: what is stored is a digest of it."""
    values = columns_of(body.model_dump(exclude={"amount", "code"}))
    values["currency"] = body.currency or settings.currency
    return await command.answer(
        lambda conn: purses.issue(conn, values, body.amount, body.code, command.cause, command.now), status=201
    )


@router.get(
    "/gift-cards/{gift_card_id}",
    response_model=PurseWithMovements,
    responses=problem_responses(GiftCardNotFoundError, *READ_ERRORS),
)
async def get_gift_card(
    gift_card_id: uuid.UUID, purses: Purses, _: Staff, before: _Before = None, limit: Limit = 50
) -> Response:
    """A gift card and its ledger, the newest movement first."""
    return show(await purses.gift_card(gift_card_id, before=before, limit=limit))


@router.patch("/gift-cards/{gift_card_id}", response_model=PurseDocument, responses=_CHANGE)
async def change_gift_card(
    gift_card_id: uuid.UUID, body: GiftCardChanges, purses: Purses, command: Command
) -> Response:
    """Change a gift card's last day and note."""
    values = columns_of(changes_of(body))
    return await command.answer(
        lambda conn: purses.change(conn, gift_card_id, values, command.cause, command.now, command.if_match)
    )


@router.post("/gift-cards/{gift_card_id}/activate", response_model=PurseDocument, responses=_CHANGE)
async def activate_gift_card(gift_card_id: uuid.UUID, purses: Purses, command: Command) -> Response:
    """Let a gift card be used. Doing it twice changes nothing."""
    return await _switch(gift_card_id, purses, command, is_active=True)


@router.post("/gift-cards/{gift_card_id}/deactivate", response_model=PurseDocument, responses=_CHANGE)
async def deactivate_gift_card(gift_card_id: uuid.UUID, purses: Purses, command: Command) -> Response:
    """Let a gift card be used no longer; what is on it stays. Doing it twice changes nothing."""
    return await _switch(gift_card_id, purses, command, is_active=False)


@router.delete("/gift-cards/{gift_card_id}", response_model=PurseDocument, responses=_CHANGE)
async def archive_gift_card(gift_card_id: uuid.UUID, purses: Purses, command: Command) -> Response:
    """Archive a gift card, with what is on it. Doing it twice changes nothing."""
    return await command.answer(
        lambda conn: purses.archive(conn, gift_card_id, command.cause, command.now, command.if_match)
    )


@router.post(
    "/gift-cards/{gift_card_id}/adjust",
    response_model=PurseDocument,
    responses=problem_responses(GiftCardNotFoundError, BalanceShortError, *CHANGE_ERRORS),
)
async def adjust_gift_card(gift_card_id: uuid.UUID, body: BalanceChange, purses: Purses, command: Command) -> Response:
    """Put something on a gift card, or take it off."""
    return await command.answer(
        lambda conn: purses.adjust(
            conn, gift_card_id, body.amount, body.reason, command.cause, command.now, command.if_match
        )
    )


@router.get("/customers/{user_id}/pricing", response_model=CustomerDocument, responses=problem_responses(*READ_ERRORS))
async def get_customer_pricing(user_id: UserId, customers: Customers, _: Staff) -> Response:
    """A customer's groups and tax standing, whoever vouches for the user id."""
    return show(await customers.get(user_id))


@router.patch(
    "/customers/{user_id}/pricing",
    response_model=CustomerDocument,
    responses=problem_responses(RecordChangedError, *WRITE_ERRORS),
)
async def change_customer_pricing(
    user_id: UserId, body: CustomerChanges, customers: Customers, command: Command
) -> Response:
    """Change a customer's groups and tax standing; they count from the next look at the cart on."""
    values = changes_of(body)
    return await command.answer(
        lambda conn: customers.change(conn, user_id, values, command.cause, command.now, command.if_match)
    )


@router.get("/customers/{user_id}/purses", response_model=CustomerPurses, responses=problem_responses(*READ_ERRORS))
async def get_customer_purses(user_id: UserId, purses: Purses, _: Staff, limit: Limit = 50) -> Response:
    """A customer's store credit and points, each with its newest movements."""
    return show({"purses": await purses.of_customer(user_id, limit=limit)})


@router.post(
    "/customers/{user_id}/store-credit",
    response_model=PurseDocument,
    responses=problem_responses(BalanceShortError, *WRITE_ERRORS),
)
async def change_store_credit(
    user_id: UserId, body: CreditChange, purses: Purses, settings: ShopSettings, command: Command
) -> Response:
    """Give a customer store credit, or take some."""
    return await _credit(user_id, "store_credit", body.currency or settings.currency, body, purses, command)


@router.post(
    "/customers/{user_id}/points",
    response_model=PurseDocument,
    responses=problem_responses(BalanceShortError, *WRITE_ERRORS),
)
async def change_points(user_id: UserId, body: BalanceChange, purses: Purses, command: Command) -> Response:
    """Give a customer points, or take some."""
    return await _credit(user_id, "points", None, body, purses, command)


@router.get("/price-audit", response_model=AuditPage, responses=problem_responses(*READ_ERRORS))
async def list_price_audit(
    customers: Customers,
    _: Staff,
    subject_kind: _Text = None,
    subject_id: _Text = None,
    actor: _Text = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Who changed what of promotions, coupons, price rules, taxes, shipping and customers; the newest first."""
    wanted = AuditFilter(subject_kind, subject_id, actor, since, until)
    return show_page("entries", await customers.audit(wanted, before=cursor, limit=limit + 1), limit)


async def _switch(purse_id: uuid.UUID, purses: PurseService, command: Command, *, is_active: bool) -> Response:
    return await command.answer(
        lambda conn: purses.switch(conn, purse_id, command.cause, command.now, command.if_match, is_active=is_active)
    )


async def _credit(
    user_id: str, kind: PurseKind, currency: str | None, body: BalanceChange, purses: PurseService, command: Command
) -> Response:
    return await command.answer(
        lambda conn: purses.credit(conn, user_id, kind, currency, body.amount, body.reason, command.cause, command.now)
    )
