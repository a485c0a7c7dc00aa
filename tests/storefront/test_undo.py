"""The Undo button of the cart page: a line that was removed comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest

from pannier.platform.database import Database
from tests.storefront.reader import Form, Page, Reader
from tests.support.books import faults


async def lines(db: Database, table: str = "cart_line") -> list[dict[str, Any]]:
    async with db.read() as connection:
        rows = await connection.fetch(f"select * from {table} order by id")
    moments = {"cart_id", "added_at", "updated_at", "saved_at", "reason"}
    return [{name: value for name, value in dict(row).items() if name not in moments} for row in rows]


async def fill(reader: Reader, slug: str, quantity: int = 1) -> Page:
    await reader.send((await reader.open(f"/p/{slug}")).form("/cart/items"), quantity=str(quantity))
    return await reader.open("/cart")


def undo_of(page: Page) -> tuple[Form, str]:
    form = page.form("/undo")
    return form, form.buttons[0][1]


async def test_a_removed_line_comes_back_with_all_it_had_and_is_held_again(reader: Reader, db: Database) -> None:
    page = await fill(reader, "cobalt-bowl")
    variant = (await reader.http.get("/api/v1/cart")).json()["items"][0]["variant_id"]
    whole = {"attributes": {"colour": "blue"}, "note": "blue, please", "customisation": {"text": "A"}}
    added = await reader.http.post("/api/v1/cart/items", json={"variant_id": variant, "quantity": 2, **whole})
    line = next(item["id"] for item in added.json()["items"] if item["quantity"] == 2)
    await reader.http.patch(f"/api/v1/cart/items/{line}", json={"selected": False})
    before = await lines(db)
    page = await reader.open("/cart")
    gone = await reader.send(page.form(f"/cart/items/{line}"), do="remove")
    assert "Removed from your cart." in gone.text
    assert len(await lines(db)) == 1
    form, value = undo_of(gone)
    back = await reader.send(form, undo=value)
    assert "It is back as it was." in back.text
    assert await lines(db) == before
    async with db.read() as connection:
        assert await connection.fetchval("select sum(quantity) from hold") == 3
    again = await reader.send(form, undo=value)
    assert "There is nothing to put back" in again.text
    assert await lines(db) == before
    assert await faults(db) == {}


async def test_what_somebody_else_took_meanwhile_is_told(reader: Reader, db: Database) -> None:
    page = await fill(reader, "cobalt-bowl", 4)
    gone = await reader.send(page.form("/cart/items/"), do="remove")
    async with db.read() as connection:
        await connection.execute("update stock set safety_quantity = greatest(0, on_hand - 1)")
    form, value = undo_of(gone)
    refused = await reader.send(form, undo=value)
    assert "Only 1 available" in refused.text
    assert await lines(db) == []


async def test_a_saved_line_comes_back_even_where_nothing_is_left(reader: Reader, db: Database) -> None:
    page = await fill(reader, "cobalt-bowl", 3)
    saved = await reader.send(page.form("/cart/items/"), do="save")
    before = await lines(db, "saved_line")
    gone = await reader.send(saved.form("/cart/items/"), do="remove")
    assert await lines(db, "saved_line") == []
    async with db.read() as connection:
        await connection.execute("update stock set safety_quantity = greatest(0, on_hand)")
    form, value = undo_of(gone)
    back = await reader.send(form, undo=value)
    assert "It is back as it was." in back.text
    assert await lines(db, "saved_line") == before
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "value", ["", "cart", "cart:x:1", "cart:01977d3e-8f00-7000-8000-000000000001:99999", "wish:x:1"]
)
async def test_what_is_made_up_puts_nothing_back(reader: Reader, db: Database, value: str) -> None:
    page = await fill(reader, "cobalt-bowl")
    gone = await reader.send(page.form("/cart/items/"), do="remove")
    answer = await reader.post(undo_of(gone)[0], undo=value)
    assert answer.status_code == 303
    assert await lines(db) == []
