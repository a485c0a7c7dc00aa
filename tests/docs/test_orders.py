"""The walk through an order of the how-to, done on a real shop."""

from __future__ import annotations

from pathlib import Path

from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.architecture.source_tree import REPOSITORY
from tests.checkout.test_payment import ready, shop_of
from tests.docs.doing import done
from tests.docs.test_walkthroughs import json_values
from tests.support.books import faults
from tests.support.catalogue import make_product


async def test_an_order_is_paid_edited_sent_and_refunded(db: Database, settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"payment_methods": ("invoice", "test")})
    await make_product(db, price_minor=3000, name="Lamp")
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id, payment_method="invoice")

    said = await done(REPOSITORY / "docs" / "howto" / "handle-orders.md", settings, tmp_path)

    paid, edited, due, again, sent, refunded = json_values(said)
    assert (paid["status"], paid["balance"]["amount"]) == ("paid", 0)
    assert (edited["status"], edited["balance"], edited["refund"]) == ("pending", due["amount"], None)
    assert due["amount"]["amount"] > 0
    assert due["payment_methods"] == ["test"]
    assert (again["status"], again["balance"]["amount"]) == ("paid", 0)
    assert sent == {"status": "fulfilled"}
    assert refunded["refund"]["amount"]["amount"] == 100
    assert await faults(db) == {}
