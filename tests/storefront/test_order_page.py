"""What a customer does with an order on its page."""

from __future__ import annotations

from pannier.orders import OrderService
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.reader import Form, Page, Reader
from tests.storefront.test_purchase import ADDRESS, checkout, fill, order_form
from tests.support.books import faults
from tests.support.shop import STAFF


def form_that(page: Page, does: str) -> Form:
    """The form whose button does that."""
    return next(form for form in page.forms if ("do", does, False) in form.buttons)


async def test_an_order_is_bought_again_sent_back_and_canceled_from_its_page(
    reader: Reader, db: Database, settings: Settings
) -> None:
    orders = OrderService(db, settings)
    await fill(reader, quantity=2)
    first = await reader.send(order_form(await checkout(reader)), **ADDRESS)
    number = first.path.removeprefix("/orders/")
    assert "Send something back" not in first.text
    cart = await reader.send(form_that(first, "reorder"), do="reorder")
    assert cart.path == "/cart"
    assert "It is all in your cart again." in cart.text
    second = await reader.send(order_form(await checkout(reader)), **ADDRESS)
    canceled = await reader.send(form_that(second, "cancel"), do="cancel", reason="one is enough")
    assert "This order was canceled" in canceled.text
    await orders.fulfil(STAFF, number, tracking={"carrier": "DHL", "tracking_number": "00340"})
    sent = await reader.open(f"/orders/{number}")
    assert "with DHL: 00340" in sent.text
    line = (await orders.get(STAFF, number)).lines[0]
    back = await reader.send(form_that(sent, "return"), do="return", **{f"units-{line.id}": "1", "reason": "chipped"})
    assert "We have your request" in back.text
    _, after = await orders.aftermath(STAFF, number)
    assert [(one.state, one.reason, one.lines[0].quantity) for one in after.returns] == [("requested", "chipped", 1)]
    invoice = await reader.http.get(f"/orders/{number}/invoice")
    assert (invoice.status_code, number in invoice.text) == (200, True)
    assert await faults(db) == {}


async def test_a_form_that_says_nothing_does_nothing(reader: Reader, db: Database, settings: Settings) -> None:
    await fill(reader)
    placed = await reader.send(order_form(await checkout(reader)), **ADDRESS)
    answer = await reader.send(form_that(placed, "cancel"), reason="a mistake")
    assert "Say what is to become of the order." in answer.text
    number = placed.path.removeprefix("/orders/")
    assert (await OrderService(db, settings).get(STAFF, number)).status == "pending"
