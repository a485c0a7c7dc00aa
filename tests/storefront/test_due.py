"""Paying what an order has still due, by its page alone."""

from __future__ import annotations

import re

import pytest

from pannier.app import PannierApp
from pannier.checkout.revising import Edit
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.reader import Form, Page, Reader
from tests.storefront.test_order_page import form_that
from tests.storefront.test_payment import at_gateway
from tests.storefront.test_purchase import ADDRESS, checkout, fill, order_form
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import STAFF, count


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"payment_methods": ("invoice", "test")})


async def add(app: PannierApp, db: Database, number: str) -> None:
    """Staff put a lamp of 7.00 into the order."""
    services = app.lifecycle.services
    assert services is not None
    lamp = await make_product(db, on_hand=5, price_minor=700)
    await services.revisions.edit(STAFF, number, Edit(added=[(lamp, 1)]))


async def owing(reader: Reader, app: PannierApp, db: Database) -> Page:
    """The page of an order that was paid by card, and has something due since."""
    done = await reader.send((await at_gateway(reader)).form("/pay/test/"), do="pay")
    assert "Still to pay" not in done.text
    await add(app, db, done.path.removeprefix("/orders/"))
    return await reader.open(done.path)


def pays(page: Page) -> Form:
    return form_that(page, "pay")


async def test_what_is_due_is_paid_on_the_gateways_page(reader: Reader, app: PannierApp, db: Database) -> None:
    page = await owing(reader, app, db)
    assert re.search(r"\$7\.00, beside the \$[1-9][0-9.]+ that you have paid\.", page.text)

    gateway = await reader.send(pays(page), do="pay")
    assert gateway.path.startswith("/pay/test/tp_")
    assert "Pay $7.00" in gateway.text
    waiting = await reader.open(page.path)
    assert "Your payment is waiting for you." in waiting.text
    assert (await reader.send(pays(waiting), do="pay")).path == gateway.path
    done = await reader.send(gateway.form("/pay/test/"), do="pay")

    assert done.path == page.path
    assert "Your payment is there. Thank you." in done.text
    assert "Still to pay" not in done.text
    assert "View cart" not in done.text
    assert await count(db, "payment_attempt") == 2
    assert await faults(db) == {}


async def test_who_is_declined_is_told_and_may_pay_again(reader: Reader, app: PannierApp, db: Database) -> None:
    page = await owing(reader, app, db)
    gateway = await reader.send(pays(page), do="pay")

    back = await reader.send(gateway.form("/pay/test/"), do="decline")

    assert back.path == page.path
    assert "The payment was declined, and nothing was charged." in back.text
    again = await reader.send(pays(back), do="pay")
    assert again.path != gateway.path
    assert "Still to pay" not in (await reader.send(again.form("/pay/test/"), do="pay")).text
    assert await faults(db) == {}


async def test_another_sum_than_was_shown_is_shown_first(reader: Reader, app: PannierApp, db: Database) -> None:
    page = await owing(reader, app, db)
    await add(app, db, page.path.removeprefix("/orders/"))

    back = await reader.send(pays(page), do="pay")

    assert "What is due has changed." in back.text
    assert "$14.00, beside the $" in back.text
    assert await count(db, "payment_attempt") == 1


async def test_an_order_by_invoice_may_be_paid_by_card(reader: Reader, db: Database) -> None:
    await fill(reader, quantity=2)
    page = await reader.send(order_form(await checkout(reader)), **ADDRESS, payment_method="invoice")
    assert "$64.00, now if you like." in page.text

    gateway = await reader.send(pays(page), do="pay")
    done = await reader.send(gateway.form("/pay/test/"), do="pay")

    assert "Your payment is there. Thank you." in done.text
    assert await faults(db) == {}


async def test_goods_that_were_taken_out_are_shown_as_that(reader: Reader, app: PannierApp, db: Database) -> None:
    page = await owing(reader, app, db)
    assert "taken out" not in page.text
    services, number = app.lifecycle.services, page.path.removeprefix("/orders/")
    assert services is not None
    lamp = (await services.orders.get(STAFF, number)).lines[-1]

    await services.revisions.edit(STAFF, number, Edit({lamp.id: 0}))

    done = await reader.open(page.path)
    assert "Quantity 1, taken out" in done.text
    assert re.search(r"Credited −\$7\.00 To pay in all \$[1-9]", done.text)
    assert "Still to pay" not in done.text
