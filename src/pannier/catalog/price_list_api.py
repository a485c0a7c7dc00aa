"""The routes of price lists, for staff."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Response

from pannier.catalog.errors import PriceListExistsError, PriceListNotFoundError
from pannier.catalog.price_list_schemas import (
    ListPricePage,
    NewPriceList,
    PriceListChanges,
    PriceListDocument,
    PriceListPage,
    PricesBody,
    changes_of,
    price_of,
)
from pannier.catalog.price_lists import PriceListService
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
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection
    from pannier.platform.records import Record

Lists = Annotated[PriceListService, Depends(service_of(PriceListService))]
ShopSettings = Annotated[Settings, Depends(service_of(Settings))]

admin_router = APIRouter(prefix="/admin/price-lists", tags=["admin"])


@admin_router.get("", response_model=PriceListPage, responses=problem_responses(*READ_ERRORS))
async def list_price_lists(
    lists: Lists, _: Staff, cursor: Cursor = None, limit: Limit = 50, archived: IsArchived = False
) -> Response:
    """Price lists, in the order in which they were made; the first is the shelf."""
    return show_page("price_lists", await lists.list_lists(after=cursor, limit=limit + 1, is_archived=archived), limit)


@admin_router.post(
    "",
    status_code=201,
    response_model=PriceListDocument,
    responses=problem_responses(PriceListExistsError, *WRITE_ERRORS),
)
async def create_price_list(body: NewPriceList, lists: Lists, command: Command) -> Response:
    """Make a price list: of a currency, for a group of customers, within a time."""
    values = body.model_dump()
    return await command.answer(lambda conn: lists.create_list(conn, values, command.cause, command.now), status=201)


@admin_router.get(
    "/{price_list_id}",
    response_model=PriceListDocument,
    responses=problem_responses(PriceListNotFoundError, *READ_ERRORS),
)
async def get_price_list(price_list_id: uuid.UUID, lists: Lists, _: Staff) -> Response:
    """A price list."""
    return show(await lists.get_list(price_list_id))


@admin_router.patch(
    "/{price_list_id}",
    response_model=PriceListDocument,
    responses=problem_responses(PriceListNotFoundError, *CHANGE_ERRORS),
)
async def change_price_list(
    price_list_id: uuid.UUID, body: PriceListChanges, lists: Lists, command: Command
) -> Response:
    """Change a price list; of the shelf only its name. Carts show it at once."""
    values, by = changes_of(body), command
    return await command.answer(
        lambda conn: lists.change_list(conn, price_list_id, values, by.cause, by.now, by.if_match)
    )


@admin_router.delete(
    "/{price_list_id}",
    response_model=PriceListDocument,
    responses=problem_responses(PriceListNotFoundError, *CHANGE_ERRORS),
)
async def archive_price_list(price_list_id: uuid.UUID, lists: Lists, command: Command) -> Response:
    """Archive a price list: its prices count no more. Doing it twice changes nothing."""
    by = command
    return await command.answer(lambda conn: lists.archive_list(conn, price_list_id, by.cause, by.now, by.if_match))


@admin_router.get(
    "/{price_list_id}/prices",
    response_model=ListPricePage,
    responses=problem_responses(PriceListNotFoundError, *READ_ERRORS),
)
async def list_prices(
    price_list_id: uuid.UUID,
    lists: Lists,
    _: Staff,
    variant_id: Annotated[uuid.UUID | None, Query(description="Of this variant only.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """The prices of a list, those to come and those that were included."""
    found = await lists.prices(price_list_id, variant_id=variant_id, after=cursor, limit=limit + 1)
    return show_page("prices", found, limit)


@admin_router.put(
    "/{price_list_id}/prices",
    response_model=PriceListDocument,
    responses=problem_responses(PriceListNotFoundError, *CHANGE_ERRORS),
)
async def set_prices(
    price_list_id: uuid.UUID, body: PricesBody, lists: Lists, settings: ShopSettings, command: Command
) -> Response:
    """Set prices of a list: tiers by quantity, windows of sale, prices of a group. All of them, or none."""
    by = command

    async def change(conn: Connection) -> Record:
        currency = await lists.currency_of(conn, price_list_id) or settings.currency
        prices = [price_of(price, currency) for price in body.prices]
        return await lists.set_prices(conn, price_list_id, prices, by.cause, by.now, by.if_match)

    return await command.answer(change)


@admin_router.delete(
    "/{price_list_id}/prices/{price_id}",
    response_model=PriceListDocument,
    responses=problem_responses(PriceListNotFoundError, *CHANGE_ERRORS),
)
async def remove_price(price_list_id: uuid.UUID, price_id: uuid.UUID, lists: Lists, command: Command) -> Response:
    """Take a price out of a list. Doing it twice changes nothing more."""
    by = command
    return await command.answer(
        lambda conn: lists.remove_price(conn, price_list_id, price_id, by.cause, by.now, by.if_match)
    )
