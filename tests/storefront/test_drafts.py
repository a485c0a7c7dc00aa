"""What was being typed elsewhere stands in the form of the checkout page, and counts for nothing."""

from __future__ import annotations

from uuid import UUID

from pannier.checkout import DraftService
from pannier.platform.database import Database
from pannier.platform.principal import Principal
from tests.storefront.reader import Reader
from tests.storefront.test_purchase import checkout, fill, order_form
from tests.support.shop import count

_STAFF = Principal("admin", frozenset({"admin", "staff"}))


async def test_a_page_that_was_left_is_gone_on_with(reader: Reader, db: Database) -> None:
    await fill(reader, quantity=2)
    page = await checkout(reader)
    session = UUID(page.path.rpartition("/")[2])
    typed = {"email": "jane@exa", "note": "Ring <twice>", "shipping_address": {"line1": "1 High St"}}
    await DraftService(db).save(_STAFF, session, typed)

    again = await reader.open(page.path)

    fields = order_form(again).fields
    assert (fields["email"], fields["line1"], fields["name"]) == ("jane@exa", "1 High St", "")
    assert fields["note"] == "Ring <twice>"
    assert await count(db, "orders") == 0
