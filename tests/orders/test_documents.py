"""Invoices and packing slips."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.orders import documents
from pannier.orders.errors import ShipmentNotFoundError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.shop import SHOP_C, STAFF, Shop
from tests.support.web import client_of

_STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


async def test_an_invoice_says_what_was_charged(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, **SHOP_C)
    _, number = await shop.buy(await make_product(db, price_minor=1000, name="Oak <b>stool</b>"), 2)
    html = documents.invoice(await shop.orders.get(STAFF, number), "Atelier & Söhne")
    for text in (number, "Atelier &amp; Söhne", "Oak &lt;b&gt;stool&lt;/b&gt;", "20.00 USD", "15.99 USD", "37.59 USD"):
        assert text in html
    assert "8 % tax on 20.00 USD" in html
    assert "<b>" not in html


async def test_a_packing_slip_says_what_is_in_a_parcel_and_nothing_of_prices(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    variant = await make_product(db, price_minor=1000)
    _, number = await shop.buy(variant, 3)
    await shop.orders.fulfil(STAFF, number, {variant: 1}, tracking={"carrier": "DHL", "tracking_number": "00340"})
    order, after = await shop.orders.aftermath(STAFF, number)
    left, sent = documents.packing_slip(order, after, "Shop"), documents.packing_slip(order, after, "Shop", 1)
    assert ("<td>2</td>" in left, "<td>1</td>" in sent, "DHL 00340" in sent) == (True, True, True)
    assert "10.00" not in left + sent
    with pytest.raises(ShipmentNotFoundError):
        documents.packing_slip(order, after, "Shop", 2)


async def test_documents_over_http(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shopper, number = await Shop.of(db, settings).buy(await make_product(db))
    mine = {"Authorization": f"Bearer {shopper.cart_token}"}
    app = create_app(settings, clock=clock)
    async with app.running(), client_of(app) as client:
        html = await client.get(f"/api/v1/orders/{number}/invoice", headers=mine)
        assert (html.status_code, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (await client.get(f"/api/v1/orders/{number}/invoice")).status_code == 404
        assert (await client.get(f"/api/v1/admin/orders/{number}/packing-slip", headers=_STAFF)).status_code == 200
        monkeypatch.setitem(sys.modules, "weasyprint", None)
        none = await client.get(f"/api/v1/orders/{number}/invoice?format=pdf", headers=mine)
        assert (none.status_code, none.json()["error"]) == (503, "PDF_UNAVAILABLE")
        monkeypatch.setitem(sys.modules, "weasyprint", _printer())
        pdf = await client.get(f"/api/v1/orders/{number}/invoice?format=pdf", headers=mine)
        assert (pdf.content, pdf.headers["content-type"]) == (b"%PDF of a page", "application/pdf")


def _printer() -> ModuleType:
    """Stands for WeasyPrint, which wants libraries of the system."""

    class Page:
        def __init__(self, string: str, url_fetcher: Any) -> None:
            assert string.startswith("<!doctype html>")
            with pytest.raises(ValueError):
                url_fetcher("https://example.com/logo.png")

        def write_pdf(self) -> bytes:
            return b"%PDF of a page"

    module = ModuleType("weasyprint")
    module.HTML = Page  # type: ignore[attr-defined]  # it is made here
    return module
