"""A purchase by pages and forms alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pannier.platform.database import Database
from tests.storefront.reader import ORIGIN, Form, Page, Reader
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import count

ADDRESS = {
    "email": "jane@example.com",
    "name": "Jane Doe",
    "line1": "1 Main Street",
    "postal_code": "62701",
    "city": "Springfield",
    "country": "US",
}


async def fill(reader: Reader, slug: str = "cobalt-bowl", **values: Any) -> Page:
    page = await reader.open(f"/p/{slug}")
    return await reader.send(page.form("/cart/items"), **values)


async def checkout(reader: Reader) -> Page:
    cart = await reader.open("/cart")
    return await reader.send(cart.form("/checkout"))


def order_form(page: Page) -> Form:
    return page.form("/checkout/")


async def test_from_the_list_to_the_confirmation(reader: Reader, db: Database) -> None:
    home = await reader.open("/")
    assert "/p/cobalt-bowl" in home.links
    added = await fill(reader, quantity=2)
    assert added.path == "/p/cobalt-bowl"
    assert "2 × Cobalt Bowl are in your cart." in added.text
    assert "in your cart" not in (await reader.open("/p/cobalt-bowl")).text
    page = await checkout(reader)
    assert page.path.startswith("/checkout/")
    assert "$64.00" in page.text
    done = await reader.send(order_form(page), **ADDRESS)
    assert done.path.startswith("/orders/")
    assert "Thank you for your order" in done.text
    for shown in ("Cobalt Bowl", "$64.00", "jane@example.com", "Springfield", "United States", "Invoice"):
        assert shown in done.text
    assert "Nothing in it yet" in (await reader.open("/cart")).text
    assert await faults(db) == {}


@pytest.mark.parametrize("said", [{"Referer": f"{ORIGIN}/cart"}, {"Origin": ORIGIN}])
async def test_an_old_browser_can_buy_too(reader: Reader, said: dict[str, str]) -> None:
    reader.headers = {"Accept": "text/html", **said}
    await fill(reader)
    done = await reader.send(order_form(await checkout(reader)), **ADDRESS)
    assert "Thank you for your order" in done.text


async def test_an_option_is_chosen_and_its_price_counts(reader: Reader) -> None:
    page = await reader.open("/p/oak-stool")
    form = page.form("/cart/items")
    (_, _), (large, is_gone) = form.choices["variant_id"]
    assert not is_gone
    await reader.send(form, variant_id=large)
    cart = await reader.open("/cart")
    assert "65 cm" in cart.text
    assert "$149.00" in cart.text
    chosen = await reader.open(f"/p/oak-stool?variant={large}")
    assert chosen.form("/cart/items").fields["variant_id"] == large


async def test_quantity_note_and_removal(reader: Reader) -> None:
    await fill(reader)
    line = (await reader.open("/cart")).form("/cart/items/")
    changed = await reader.send(line, do="update", quantity=3, note="A gift,\r\nplease")
    assert "$96.00" in changed.text
    line = changed.form("/cart/items/")
    assert (line.fields["quantity"], line.fields["note"]) == ("3", "A gift,\nplease")
    emptied = await reader.send(line, do="remove")
    assert "Removed from your cart." in emptied.text
    assert "Nothing in it yet" in emptied.text


async def test_more_than_there_is_is_refused_beside_the_line(reader: Reader) -> None:
    await fill(reader, "bisque-vase")
    line = (await reader.open("/cart")).form("/cart/items/")
    refused = await reader.send(line, do="update", quantity=9)
    told = "Only 3 available, 1 of them in the cart already: add at most 2 more. The cart is unchanged."
    assert told in refused.text
    assert refused.invalid == ["quantity"]
    assert refused.form("/cart/items/").fields["quantity"] == "1"


async def test_who_has_all_there_are_is_told_so(reader: Reader) -> None:
    shelf = (await reader.open("/p/bisque-vase")).form("/cart/items")
    assert "Only 3 available: take 3 or fewer." in (await reader.send(shelf, quantity=4)).text
    await reader.send(shelf, quantity=3)
    assert "All 3 available are in the cart already." in (await reader.send(shelf, quantity=1)).text


@pytest.mark.parametrize("quantity", ["", "-1", "1.5", "1e3", "٣", "9999999999"])
async def test_what_is_no_quantity_changes_nothing(reader: Reader, quantity: str) -> None:
    await fill(reader)
    line = (await reader.open("/cart")).form("/cart/items/")
    refused = await reader.send(line, do="update", quantity=quantity)
    assert "Say how many" in refused.text
    assert refused.form("/cart/items/").fields["quantity"] == "1"


async def test_a_form_with_faults_comes_back_as_it_was_written(reader: Reader, db: Database) -> None:
    await fill(reader)
    page = await checkout(reader)
    written = {**ADDRESS, "email": "jane", "city": "", "country": "", "note": "Ring twice"}
    refused = await reader.send(order_form(page), **written)
    assert refused.status == 422
    assert "3 things are not right yet" in refused.text
    assert {"#email", "#city", "#country"} <= set(refused.links)
    assert refused.invalid == ["email", "city", "country"]
    form = order_form(refused)
    assert {name: form.fields[name] for name in written} == written
    assert await count(db, "orders") == 0
    done = await reader.send(form, **ADDRESS)
    assert "Ring twice" in done.text


async def test_a_double_click_on_add_adds_once_and_makes_one_cart(reader: Reader, db: Database) -> None:
    form = (await reader.open("/p/cobalt-bowl")).form("/cart/items")
    answers = await asyncio.gather(*(reader.post(form, quantity=2) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    cart = await reader.open("/cart")
    assert cart.form("/cart/items/").fields["quantity"] == "2"
    assert await count(db, "cart") == 1
    # The same page with another quantity is another wish.
    await reader.send(form, quantity=1)
    assert (await reader.open("/cart")).form("/cart/items/").fields["quantity"] == "3"


async def test_a_double_click_on_order_and_a_reload_place_one_order(reader: Reader, db: Database) -> None:
    await fill(reader)
    page = await checkout(reader)
    answers = await asyncio.gather(*(reader.post(order_form(page), **ADDRESS) for _ in range(3)))
    again = await reader.post(order_form(page), **ADDRESS)
    places = {answer.headers["location"] for answer in [*answers, again]}
    assert len(places) == 1
    assert places.pop().startswith("/orders/")
    assert await count(db, "orders") == 1
    assert (await reader.open(page.path)).path.startswith("/orders/")


async def test_what_sold_out_meanwhile_is_said_and_nothing_is_ordered(reader: Reader, db: Database) -> None:
    await fill(reader, "bisque-vase", quantity=2)
    page = await checkout(reader)
    async with db.read() as connection:
        await connection.execute(
            "update variant set is_active = false where id in"
            " (select v.id from variant v join product p on p.id = v.product_id where p.slug = 'bisque-vase')"
        )
        await connection.execute(
            "select catalog_refresh_display(array_agg(id)) from product where slug = 'bisque-vase'"
        )
    refused = await reader.send(order_form(page), **ADDRESS)
    assert refused.status == 409
    assert "no longer for sale" in refused.text
    assert order_form(refused).fields["city"] == "Springfield"
    assert await count(db, "orders") == 0
    cart = await reader.open("/cart")
    assert cart.form("/checkout").buttons[0][2]


async def test_a_changed_total_is_shown_before_it_is_ordered(reader: Reader, db: Database) -> None:
    await fill(reader)
    page = await checkout(reader)
    refused = await reader.send(order_form(page), **ADDRESS, expected_total=1)
    assert refused.status == 409
    assert order_form(refused).fields["expected_total"] == "3200"
    assert await count(db, "orders") == 0
    assert (await reader.send(order_form(refused))).path.startswith("/orders/")


async def test_html_in_every_text_stays_text(reader: Reader, db: Database) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    variant = await make_product(db, name=evil, sku=evil)
    async with db.read() as connection:
        await connection.execute(
            "update product set description = $1, summary = $1, vendor = $1, tags = array[$1], slug = 'evil'"
            " where id = (select product_id from variant where id = $2)",
            evil, variant,
        )  # fmt: skip
    pages = [await reader.open("/"), await reader.open("/p/evil"), await reader.open(f"/?q={evil}")]
    pages.append(await reader.send(pages[1].form("/cart/items")))
    line = (await reader.open("/cart")).form("/cart/items/")
    pages.append(await reader.send(line, do="update", note=evil))
    pages.append(await checkout(reader))
    pages.append(await reader.send(order_form(pages[-1]), **{**ADDRESS, "name": evil, "email": evil}))
    pages.append(await reader.send(order_form(pages[-1]), **{**ADDRESS, "name": evil, "note": evil}))
    assert pages[-1].path.startswith("/orders/")
    for page in pages:
        assert "script" not in page.tags
        assert all("onerror" not in image and image.get("src") != "x" for image in page.images)
    assert evil in pages[-1].text


async def test_somebody_elses_order_is_not_there(reader: Reader) -> None:
    await fill(reader)
    done = await reader.send(order_form(await checkout(reader)), **ADDRESS)
    reader.http.cookies.clear()
    assert (await reader.open(done.path)).status == 404
