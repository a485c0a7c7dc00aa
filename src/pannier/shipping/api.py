"""The routes of shipping methods, for staff."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Response

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
from pannier.shipping.errors import ShippingMethodExistsError, ShippingMethodNotFoundError
from pannier.shipping.schemas import (
    NewShippingMethod,
    ShippingMethodChanges,
    ShippingMethodDocument,
    ShippingMethodPage,
    show_method,
    values_of,
)
from pannier.shipping.service import ShippingService

if TYPE_CHECKING:
    from pannier.platform.database import Connection

Shipping = Annotated[ShippingService, Depends(service_of(ShippingService))]
ShopSettings = Annotated[Settings, Depends(service_of(Settings))]

admin_router = APIRouter(prefix="/admin/shipping-methods", tags=["admin"])


@admin_router.get("", response_model=ShippingMethodPage, responses=problem_responses(*READ_ERRORS))
async def list_shipping_methods(
    shipping: Shipping, _: Staff, cursor: Cursor = None, limit: Limit = 50, archived: IsArchived = False
) -> Response:
    """Shipping methods, in the order in which they were made."""
    found = await shipping.list_methods(after=cursor, limit=limit + 1, is_archived=archived)
    return show_page("shipping_methods", map(show_method, found), limit)


@admin_router.post(
    "",
    status_code=201,
    response_model=ShippingMethodDocument,
    responses=problem_responses(ShippingMethodExistsError, *WRITE_ERRORS),
)
async def create_shipping_method(
    body: NewShippingMethod, shipping: Shipping, settings: ShopSettings, command: Command
) -> Response:
    """Make a shipping method."""
    values = {"currency": settings.currency, **values_of(body)}

    async def make(conn: Connection) -> dict[str, Any]:
        return show_method(await shipping.create_method(conn, values, command.cause, command.now))

    return await command.answer(make, status=201)


@admin_router.get(
    "/{shipping_method_id}",
    response_model=ShippingMethodDocument,
    responses=problem_responses(ShippingMethodNotFoundError, *READ_ERRORS),
)
async def get_shipping_method(shipping_method_id: uuid.UUID, shipping: Shipping, _: Staff) -> Response:
    """A shipping method."""
    return show(show_method(await shipping.get_method(shipping_method_id)))


@admin_router.patch(
    "/{shipping_method_id}",
    response_model=ShippingMethodDocument,
    responses=problem_responses(ShippingMethodNotFoundError, *CHANGE_ERRORS),
)
async def change_shipping_method(
    shipping_method_id: uuid.UUID, body: ShippingMethodChanges, shipping: Shipping, command: Command
) -> Response:
    """Change a shipping method; `definition` and `delivery` are replaced as a whole."""
    values, by = values_of(body), command

    async def change(conn: Connection) -> dict[str, Any]:
        return show_method(
            await shipping.change_method(conn, shipping_method_id, values, by.cause, by.now, by.if_match)
        )

    return await command.answer(change)


@admin_router.delete(
    "/{shipping_method_id}",
    response_model=ShippingMethodDocument,
    responses=problem_responses(ShippingMethodNotFoundError, *CHANGE_ERRORS),
)
async def archive_shipping_method(shipping_method_id: uuid.UUID, shipping: Shipping, command: Command) -> Response:
    """Archive a shipping method: nobody can choose it any more. Doing it twice changes nothing."""
    by = command

    async def archive(conn: Connection) -> dict[str, Any]:
        return show_method(await shipping.archive_method(conn, shipping_method_id, by.cause, by.now, by.if_match))

    return await command.answer(archive)
