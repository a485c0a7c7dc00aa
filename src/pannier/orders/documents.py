"""Invoices and packing slips: HTML that prints well, and PDF where the extra that makes it is installed."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import importlib
from typing import Any, NoReturn

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pannier.kernel.money import format_amount
from pannier.orders.errors import PdfUnavailableError, ShipmentNotFoundError
from pannier.orders.models import Aftermath, Order, OrderLine, Shipment
from pannier.orders.rules import balance_of
from pannier.orders.view import show
from pannier.platform.migrate import shipped

_STYLE = """
@page { size: A4; margin: 18mm }
body { font: 10pt/1.45 system-ui, sans-serif; color: #1d1d1b; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6em; margin: 0 0 1rem } h2 { font-size: .8em; margin: 0; color: #5b5b55 } .shop { font-weight: 600 }
address { font-style: normal } .places { display: flex; gap: 4rem; margin: 1.5rem 0 } small { color: #5b5b55 }
dl { margin: 0 } dl div { display: flex; justify-content: space-between; gap: 2rem } header dl { max-width: 20rem }
dd { margin: 0 } table { width: 100%; border-collapse: collapse } th, td { padding: .35rem 0; text-align: right }
th:first-child, td:first-child { text-align: left } thead { border-bottom: 1px solid #1d1d1b }
tbody tr { border-bottom: 1px solid #dcdcd6 } .sums { margin: 1rem 0 0 auto; max-width: 24rem }
.total { font-weight: 600 }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: Nothing is loaded, and of styles only the document's own counts.
SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def invoice(order: Order, shop_name: str) -> str:
    """The invoice of an order, with what was paid, credited and given back since."""
    shown = show(order)
    return _rendered("invoice.html", order, shop_name, taxes=shown["taxes"], balance=balance_of(order))


def packing_slip(order: Order, after: Aftermath, shop_name: str, number: int | None = None) -> str:
    """What is in a parcel, or without a number what is still to be sent; no prices. Raises ShipmentNotFoundError."""
    parcel: Shipment | None = None
    packed: list[tuple[OrderLine, int]] = [(line, line.quantity_unsent) for line in order.lines if line.quantity_unsent]
    if number is not None:
        parcel = next((one for one in after.shipments if one.number == number), None)
        if parcel is None:
            raise ShipmentNotFoundError(f"Order {order.number} has no parcel {number}.", field="parcel")
        units = {str(part["line_id"]): int(part["quantity"]) for part in parcel.items}
        packed = [(line, units[str(line.id)]) for line in order.lines if str(line.id) in units]
    return _rendered("packing_slip.html", order, shop_name, parcel=parcel, packed=packed)


async def as_pdf(html: str) -> bytes:
    """The document as PDF, made beside the event loop. Raises PdfUnavailableError."""
    try:
        weasyprint = importlib.import_module("weasyprint")
    except (ImportError, OSError) as missing:
        raise PdfUnavailableError(
            "This shop makes no PDF: install pannier[pdf] and the Pango library, or take the document as HTML."
        ) from missing
    return await asyncio.to_thread(_written, weasyprint, html)


def _written(weasyprint: Any, html: str) -> bytes:
    pdf: bytes = weasyprint.HTML(string=html, url_fetcher=_fetch_nothing).write_pdf()
    return pdf


def _fetch_nothing(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"a document loads nothing, and not {url}")


def _rendered(template: str, order: Order, shop_name: str, **values: Any) -> str:
    def money(minor: int) -> str:
        return f"{format_amount(minor, order.currency)} {order.currency}"

    return _templates().get_template(template).render(order=order, shop=shop_name, style=_STYLE, money=money, **values)


@functools.cache
def _templates() -> Environment:
    loader = FileSystemLoader(shipped("web") / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
