"""A shop that offers no way to pay at the moment."""

from __future__ import annotations

import pytest

from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.reader import Reader
from tests.storefront.test_purchase import ADDRESS, checkout, fill, order_form
from tests.support.shop import count


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"payment_methods": ()})


async def test_its_checkout_says_so_and_the_cart_stays(reader: Reader, db: Database) -> None:
    await fill(reader, quantity=2)
    page = await checkout(reader)

    told = await reader.send(order_form(page), **ADDRESS)

    assert "There is no way to pay at the moment. Come back later." in told.text
    assert await count(db, "orders") == 0
