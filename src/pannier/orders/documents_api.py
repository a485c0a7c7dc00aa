"""The routes of invoices and packing slips."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from pannier.orders import documents
from pannier.orders.api import Asker, Orders, Staff
from pannier.orders.errors import OrderNotFoundError, PdfUnavailableError, ShipmentNotFoundError
from pannier.orders.models import Order
from pannier.platform.hot import service_of
from pannier.platform.principal import ForbiddenError, LoginRequiredError
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.platform.settings import Settings

Format = Literal["html", "pdf"]
House = Annotated[Settings, Depends(service_of(Settings))]
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}, "application/pdf": {"schema": {"type": "string"}}}}
}


def _headers() -> dict[str, str]:
    return {"Content-Security-Policy": documents.security_policy(), "Cache-Control": "private, no-store"}


documents_router = APIRouter(tags=["orders"])
admin_documents_router = APIRouter(prefix="/admin/orders", tags=["admin"])


@documents_router.get(
    "/orders/{number}/invoice",
    response_class=Response,
    responses={**_CONTENT, **problem_responses(OrderNotFoundError, PdfUnavailableError, ValidationFailedError)},
)
async def get_invoice(
    number: str,
    orders: Orders,
    asker: Asker,
    settings: House,
    format: Format = "html",  # noqa: A002 # named as the parameter is
) -> Response:
    """The invoice of an order of yours, to be printed, or as PDF."""
    html = documents.invoice(await orders.get(asker, number), seller_of(settings))
    return await _document(html, f"invoice-{number}", format)


@admin_documents_router.get(
    "/{number}/packing-slip",
    response_class=Response,
    responses={
        **_CONTENT,
        **problem_responses(
            LoginRequiredError,
            ForbiddenError,
            OrderNotFoundError,
            ShipmentNotFoundError,
            PdfUnavailableError,
            ValidationFailedError,
        ),
    },
)
async def get_packing_slip(
    number: str,
    orders: Orders,
    staff: Staff,
    settings: House,
    parcel: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
    format: Format = "html",  # noqa: A002 # named as the parameter is
) -> Response:
    """What is in a parcel of an order; without `parcel`, what is still to be sent."""
    order, after = await orders.aftermath(staff, number)
    html = documents.packing_slip(order, after, seller_of(settings), parcel)
    return await _document(html, f"packing-{number}", format)


def invoice_page(order: Order, settings: Settings) -> Response:
    """The invoice as a page of its own."""
    return Response(documents.invoice(order, seller_of(settings)), headers=_headers(), media_type="text/html")


def seller_of(settings: Settings) -> documents.Seller:
    """Who sells, by the settings."""
    return documents.Seller(settings.shop_name, settings.shop_details.replace("\\n", "\n"))


async def _document(html: str, name: str, form: Format) -> Response:
    headers = _headers()
    if form == "html":
        return Response(html, headers=headers, media_type="text/html")
    safe = "".join(
        character for character in name if character.isascii() and (character.isalnum() or character in "-_")
    )
    headers["Content-Disposition"] = f'attachment; filename="{safe}.pdf"'
    return Response(await documents.as_pdf(html), headers=headers, media_type="application/pdf")
