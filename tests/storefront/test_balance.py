"""A customer pays with points and store credit from the pages; a guest is offered neither."""

from __future__ import annotations

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from tests.storefront.reader import Reader
from tests.storefront.test_account import JANE, send
from tests.storefront.test_purchase import ADDRESS, checkout, order_form
from tests.support.accounts import PASSWORD, account_shop
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_points
from tests.support.web import client_of

_CREDIT = """
  with made as (insert into purse (id, kind, currency, user_id, balance, movements, created_at, updated_at)
                values ($1, 'store_credit', 'USD', $2, 1500, 1, now(), now()) returning id)
  insert into purse_movement (purse_id, version, kind, amount, balance_before, balance_after, actor, at)
  select id, 1, 'adjust', 1500, 0, 1500, 'test', now() from made
"""


async def test_points_and_credit_are_ticked_and_taken_back(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    settings = settings.model_copy(update={"loyalty_point_minor": 1})
    bowl = await make_product(db, name="Cobalt Bowl", price_minor=3200, on_hand=9)
    async with account_shop(db, settings, clock) as shop, client_of(shop.app, headers={"Accept": "text/html"}) as http:
        await send(http, "/account/register", name="Jane", email=JANE, password=PASSWORD)
        await shop.deliver()
        await send(http, "/account/verify", token=shop.mailbox.token(JANE), password=PASSWORD)
        reader = Reader(http, headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
        await send(http, "/cart/items", variant_id=str(bowl), quantity="1", back="/")
        assert "Use my" not in (await checkout(reader)).text
        await send(http, "/account/login", email=JANE, password=PASSWORD, back="/cart")
        async with db.read() as connection:
            user = str(await connection.fetchval("select user_id from cart where user_id is not null"))
        await make_points(db, user, 700)

        async def credit(connection: Connection) -> None:
            await connection.execute(_CREDIT, uuid7(), user)

        await db.write(credit)
        page = await checkout(reader)
        assert "Use my store credit of $15.00" in page.text
        assert "Use my 700 points, worth $7.00" in page.text
        form = order_form(page)
        form.fields.pop("store_credit"), form.fields.pop("points")
        used = await reader.send(form, do="balance", **ADDRESS, store_credit="1", points="1")
        assert "Store credit −$15.00 Points −$7.00 To pay $10.00" in used.text
        form = order_form(used)
        form.fields.pop("points")
        back = await reader.send(form, do="balance")
        assert "To pay $17.00" in back.text
        form = order_form(back)
        form.fields.pop("points")
        assert "To pay $17.00" in (await reader.send(form, do="order")).text
    assert await faults(db) == {}
