"""Invoices and packing slips."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import sys

import pytest
from pypdf import PageObject, PdfReader

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.orders import documents
from pannier.orders.documents import Seller
from pannier.orders.errors import ShipmentNotFoundError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, SHOP_C, STAFF, Shop, guest
from tests.support.web import client_of

_STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


async def test_an_invoice_says_what_was_charged(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, **SHOP_C)
    _, number = await shop.buy(await make_product(db, price_minor=1000, name="Oak <b>stool</b>"), 2)
    html = documents.invoice(await shop.orders.get(STAFF, number), Seller("Atelier & Söhne", "Hafenstraße 12"))
    for text in (
        number,
        "Atelier &amp; Söhne",
        "Oak &lt;b&gt;stool&lt;/b&gt;",
        "Hafenstraße 12",
        "<dd>20.00</dd>",
        "<dd>15.99</dd>",
        "<dd>37.59 USD</dd>",
    ):
        assert text in html
    assert "8 % tax on 20.00" in html
    assert html.startswith("<!doctype html>")
    assert "<b>" not in html


async def test_a_packing_slip_says_what_is_in_a_parcel_and_nothing_of_prices(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    variant = await make_product(db, price_minor=1000)
    _, number = await shop.buy(variant, 3)
    await shop.orders.fulfil(STAFF, number, {variant: 1}, tracking={"carrier": "DHL", "tracking_number": "00340"})
    order, after = await shop.orders.aftermath(STAFF, number)
    left, sent = (documents.packing_slip(order, after, Seller("Shop"), parcel) for parcel in (None, 1))
    assert ("<td>2</td>" in left, "<td>1</td>" in sent, "DHL 00340" in sent) == (True, True, True)
    assert "10.00" not in left + sent
    assert left.startswith("<!doctype html>")
    with pytest.raises(ShipmentNotFoundError):
        documents.packing_slip(order, after, Seller("Shop"), 2)


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
        assert f"sha256-{_digest_of_style(html.text)}" in html.headers["content-security-policy"]
        pdf = await client.get(f"/api/v1/orders/{number}/invoice?format=pdf", headers=mine)
        assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
        assert pdf.headers["content-disposition"] == f'attachment; filename="invoice-{number}.pdf"'
        assert number in _text(pdf.content)
        monkeypatch.setitem(sys.modules, "weasyprint", None)
        none = await client.get(f"/api/v1/orders/{number}/invoice?format=pdf", headers=mine)
        assert (none.status_code, none.json()["error"]) == (503, "PDF_UNAVAILABLE")


async def test_a_pdf_has_every_line_on_as_many_pages_as_it_needs(db: Database, settings: Settings) -> None:
    shop, shopper = Shop.of(db, settings, **SHOP_C), guest()
    for place in range(40):
        await shop.fill(shopper, await make_product(db, price_minor=1000 + place, name=f"Chair {place:02}"))
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    number = (await shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None
    order, after = await shop.orders.aftermath(STAFF, number)
    invoice = await documents.as_pdf(documents.invoice(order, Seller("Atelier & Söhne")))
    text = _text(invoice)
    assert len(PdfReader(io.BytesIO(invoice)).pages) == 3
    assert [f"Chair {place:02}" for place in range(40) if f"Chair {place:02}" not in text] == []
    for part in (number, "Atelier & Söhne", "Invoice", "1 High Street", "440.42", "2 / 3"):
        assert part in text
    fonts = {str(font) for page in PdfReader(io.BytesIO(invoice)).pages for font in _fonts(page)}
    assert any("Figtree" in font for font in fonts)
    slip = _text(await documents.as_pdf(documents.packing_slip(order, after, Seller("Shop"))))
    assert ("Packing slip" in slip, "Chair 39" in slip, "10.39" in slip) == (True, True, False)


async def test_a_pdf_loads_nothing_of_anybodys(caplog: pytest.LogCaptureFixture) -> None:
    page = '<!doctype html><title>x</title><img src="http://127.0.0.1:9/logo.png"><img src="file:///etc/passwd"><p>here'
    with caplog.at_level(logging.ERROR, "weasyprint"):
        assert "here" in _text(await documents.as_pdf(page))
    assert [record.message.count("disallowed") for record in caplog.records] == [1, 1]


def _text(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def _fonts(page: PageObject) -> list[object]:
    resources = page["/Resources"].get_object()
    return [font.get_object()["/BaseFont"] for font in resources["/Font"].get_object().values()]  # type: ignore[index]  # as PDF has it


def _digest_of_style(html: str) -> str:
    style = html.partition("<style>")[2].partition("</style>")[0]
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
