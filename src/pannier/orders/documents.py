"""Invoices and packing slips: HTML that prints well, and PDF where the extra that makes it is installed."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import importlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pannier.kernel.country_names import COUNTRY_NAMES
from pannier.kernel.money import format_amount
from pannier.orders.errors import PdfUnavailableError, ShipmentNotFoundError
from pannier.orders.models import Aftermath, Order, OrderLine, Shipment
from pannier.orders.rules import balance_of
from pannier.orders.view import show
from pannier.platform.migrate import shipped

_COUNTRIES = dict(COUNTRY_NAMES)
_FONTS = {"figtree": "figtree.woff2", "serif": "instrument-serif.woff2"}
_ON_SCREEN = re.compile(r"/\* screen \*/.*?(?=</style>)", re.DOTALL)
_PAYMENTS = {"invoice": "on invoice", "cash_on_delivery": "in cash on delivery", "pay_at_pickup": "at pickup"}


@dataclass(frozen=True, slots=True)
class Seller:
    """Who sells, as documents name it: the shop's name, and its address with what the law wants beside it."""

    name: str
    details: str = ""


def invoice(order: Order, seller: Seller) -> str:
    """The invoice of an order, with what was paid, credited and given back since."""
    shown = show(order)
    payment = f"Paid {_PAYMENTS.get(order.payment_method, 'by ' + order.payment_method.replace('_', ' '))}."
    if balance_of(order) > 0:
        payment = "To be p" + payment[1:]
    return _rendered("invoice.html", order, seller, taxes=shown["taxes"], balance=balance_of(order), payment=payment)


def packing_slip(order: Order, after: Aftermath, seller: Seller, number: int | None = None) -> str:
    """What is in a parcel, or without a number what is still to be sent; no prices. Raises ShipmentNotFoundError."""
    parcel: Shipment | None = None
    packed: list[tuple[OrderLine, int]] = [(line, line.quantity_unsent) for line in order.lines if line.quantity_unsent]
    if number is not None:
        parcel = next((one for one in after.shipments if one.number == number), None)
        if parcel is None:
            raise ShipmentNotFoundError(f"Order {order.number} has no parcel {number}.", field="parcel")
        units = {str(part["line_id"]): int(part["quantity"]) for part in parcel.items}
        packed = [(line, units[str(line.id)]) for line in order.lines if str(line.id) in units]
    return _rendered("packing_slip.html", order, seller, parcel=parcel, packed=packed)


async def as_pdf(html: str) -> bytes:
    """The document as PDF, made beside the event loop. Raises PdfUnavailableError."""
    try:
        weasyprint = importlib.import_module("weasyprint")
    except (ImportError, OSError) as missing:
        raise PdfUnavailableError(
            "This shop makes no PDF: install pannier[pdf] and the Pango library, or take the document as HTML."
        ) from missing
    return await asyncio.to_thread(_written, weasyprint, html)


def security_policy() -> str:
    """Nothing is loaded, and of styles only the document's own counts; its fonts are in it."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; font-src data:; base-uri 'none'; frame-ancestors 'none'"


def _written(weasyprint: Any, html: str) -> bytes:
    # What is in the document itself is all that there is to be had.
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols={"data"}, allow_redirects=False)
    # Rules for screens are nothing to it, and it would complain of those that it cannot read.
    pdf: bytes = weasyprint.HTML(string=_ON_SCREEN.sub("", html, count=1), url_fetcher=fetcher).write_pdf()
    return pdf


def _rendered(template: str, order: Order, seller: Seller, **values: Any) -> str:
    def money(minor: int) -> str:
        # The sign is as wide as a figure, so that columns stand.
        return format_amount(minor, order.currency).replace("-", "\N{MINUS SIGN}")

    found = _templates().get_template(template)
    style = Markup(_style())  # noqa: S704 # nothing in it is anybody else's
    return found.render(order=order, shop=seller.name, seller=seller.details, style=style, money=money, **values)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


@functools.cache
def _style() -> str:
    """The style sheet with its fonts in it: a document is kept for years, and needs nothing of the shop then."""
    fonts = {
        name: "data:font/woff2;base64,"
        + base64.b64encode((shipped("web") / "static/fonts" / file).read_bytes()).decode()
        for name, file in _FONTS.items()
    }
    return _templates().get_template("documents.css").render(fonts)


@functools.cache
def _templates() -> Environment:
    loader = FileSystemLoader(shipped("web") / "templates")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    found.globals.update(countries=_COUNTRIES, day=_day)
    return found
