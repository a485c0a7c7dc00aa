"""The cart page beyond quantities: kept for later, selected, and agreed to; all without JavaScript."""

from __future__ import annotations

from pannier.platform.database import Database
from tests.storefront.reader import Reader


async def fill(reader: Reader, *slugs: str) -> None:
    for slug in slugs:
        await reader.send((await reader.open(f"/p/{slug}")).form("/cart/items"))


async def test_an_item_is_saved_for_later_and_comes_back(reader: Reader) -> None:
    await fill(reader, "cobalt-bowl")
    saved = await reader.send((await reader.open("/cart")).form("/cart/items/"), do="save")
    assert "Saved for later." in saved.text
    assert "Nothing in it yet." in saved.text
    assert "Not reserved for you, and not part of your order." in saved.text
    back = await reader.send(saved.form("/cart/items/"), do="restore")
    assert "Back in your cart." in back.text
    assert "Not reserved for you" not in back.text
    saved = await reader.send(back.form("/cart/items/"), do="save")
    gone = await reader.send(saved.form("/cart/items/"), do="remove")
    assert "Not reserved for you" not in gone.text


async def test_only_what_is_ticked_is_ordered(reader: Reader) -> None:
    await fill(reader, "cobalt-bowl", "oak-stool")
    page = await reader.open("/cart")
    assert list(page.boxes.values()) == [True, True]
    first, second = page.boxes
    chosen = await reader.send(page.form("/cart/selection"), **{first: "1"})
    assert "1 selected to be ordered." in chosen.text
    assert "1 of 2 items are selected" in chosen.text
    assert chosen.boxes == {first: True, second: False}


async def test_a_changed_price_is_shown_and_agreed_to(reader: Reader, db: Database) -> None:
    await fill(reader, "cobalt-bowl")
    async with db.read() as connection:
        await connection.execute("update price set amount_minor = amount_minor + 700")
        await connection.execute("select catalog_refresh_display(array(select id from product))")
    page = await reader.open("/cart")
    assert "Something has changed since you put it into your cart." in page.text
    refused = await reader.send(page.form("/checkout"))
    assert refused.path == "/cart"
    assert "has changed since you added it" in refused.text
    accepted = await reader.send(refused.form("/cart/accept"))
    assert "Your cart is up to date." in accepted.text
    assert "Something has changed" not in accepted.text
    assert (await reader.send(accepted.form("/checkout"))).path.startswith("/checkout/")
