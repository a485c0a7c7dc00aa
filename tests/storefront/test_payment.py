"""Paying by pages and forms alone: on to the gateway's page, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pannier.app import PannierApp
from pannier.payments import Attempt, Report, TestGateway, Wish
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.reader import Page, Reader
from tests.storefront.test_purchase import ADDRESS, checkout, fill, order_form
from tests.support.books import faults
from tests.support.shop import count


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"payment_methods": ("invoice", "test")})


async def at_gateway(reader: Reader) -> Page:
    await fill(reader, quantity=2)
    page = await reader.send(order_form(await checkout(reader)), **ADDRESS, payment_method="test")
    assert page.path.startswith("/pay/test/tp_")
    assert "Pay $64.00" in page.text
    return page


@pytest.mark.parametrize("choice", ["pay", "twice", "webhook_first"])
async def test_who_pays_there_comes_back_to_the_order(reader: Reader, db: Database, choice: str) -> None:
    page = await at_gateway(reader)

    done = await reader.send(page.form("/pay/test/"), do=choice)

    assert done.path.startswith("/orders/")
    assert "Thank you for your order" in done.text
    assert "Paid" in done.text
    assert await count(db, "orders") == 1
    assert await faults(db) == {}


async def test_who_is_declined_is_told_and_pays_in_another_way(reader: Reader, db: Database) -> None:
    page = await at_gateway(reader)

    back = await reader.send(page.form("/pay/test/"), do="decline")

    assert back.path.startswith("/checkout/")
    assert "The payment was declined, and nothing was charged." in back.text
    done = await reader.send(order_form(back), **ADDRESS, payment_method="invoice")
    assert "Thank you for your order" in done.text
    assert await faults(db) == {}


async def test_who_goes_back_without_paying_may_go_on(reader: Reader, db: Database) -> None:
    page = await at_gateway(reader)

    back = await reader.send(page.form("/pay/test/"), do="give_up")

    assert "Your payment is waiting for you." in back.text
    again = await reader.open(page.path)
    assert (await reader.send(again.form("/pay/test/"), do="pay")).path.startswith("/orders/")
    assert await faults(db) == {}


async def test_a_payment_that_is_not_there_has_no_page(reader: Reader) -> None:
    assert "We cannot find that page" in (await reader.open("/pay/test/tp_NONE")).text


async def test_a_bank_that_takes_its_time_leads_nowhere_and_is_waited_for(
    reader: Reader, app: PannierApp, db: Database
) -> None:
    services = app.lifecycle.services
    assert services is not None
    providers = services.payments.providers
    gateway = providers.test_gateway
    assert gateway is not None

    class Slow(TestGateway):
        """It has the money on its way, and no page on which there is anything to do."""

        async def authorize(self, payment: Attempt, wish: Wish) -> Report:
            return replace(await super().authorize(payment, wish), action_url=None)

    providers.put("test", Slow(db, "what-gateways-of-tests-sign-with", "/pay/test"))
    await fill(reader, quantity=2)
    page = await reader.send(order_form(await checkout(reader)), **ADDRESS, payment_method="test")

    assert page.path.startswith("/checkout/")
    assert "We are asking whether your payment arrived." in page.text
    async with db.read() as connection:
        await gateway.choose(await connection.fetchval("select id from test_gateway_payment"), "pay")
    done = await reader.open(f"{page.path}/back")
    assert "Thank you for your order" in done.text
    assert await faults(db) == {}


async def test_who_sends_the_form_again_after_paying_has_her_order(reader: Reader, db: Database) -> None:
    """Back in her browser's history she changes a line, and sends the form as if nothing had been."""
    page = await at_gateway(reader)
    waiting = await reader.open(await _checkout_of(db))
    async with db.read() as connection:
        await connection.execute(
            "update test_gateway_payment set state = 'captured', captured_minor = amount_minor, captures = true"
        )

    done = await reader.send(order_form(waiting), **ADDRESS, payment_method="test", note="by the door")

    assert page.path.startswith("/pay/test/")
    assert done.path.startswith("/orders/")
    assert "Paid" in done.text
    assert await count(db, "payment_attempt") == 1
    assert await faults(db) == {}


async def test_who_sends_the_same_form_again_is_led_to_the_same_page(reader: Reader, db: Database) -> None:
    page = await at_gateway(reader)

    again = await reader.send(order_form(await reader.open(await _checkout_of(db))), **ADDRESS, payment_method="test")

    assert again.path == page.path
    assert await count(db, "payment_attempt") == 1
    assert (await reader.send(again.form("/pay/test/"), do="pay")).path.startswith("/orders/")
    assert await faults(db) == {}


async def _checkout_of(db: Database) -> str:
    async with db.read() as connection:
        return f"/checkout/{await connection.fetchval('select id from checkout')}"
