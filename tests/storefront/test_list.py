"""Looking for products: words, filters, order, pages."""

from __future__ import annotations

import pytest

from pannier.platform.database import Database
from tests.storefront.reader import Page, Reader
from tests.support.catalogue import make_product


def slugs(page: Page) -> list[str]:
    """The products of a list, in its order."""
    return list(dict.fromkeys(link[3:] for link in page.links if link.startswith("/p/")))


@pytest.mark.parametrize(
    "query, expected",
    [
        ("q=lamp", ["table-lamp"]),
        ("q=LAMP+brass", ["table-lamp"]),
        ("q=lamp+nothing", []),
        ("q=100%25", []),
        ("on_sale=1", ["table-lamp"]),
        ("category=furniture", ["oak-stool"]),
        ("category=furniture&on_sale=1", []),
        ("category=home&in_stock=1", ["bisque-vase", "soy-candle"]),
        ("category=home&sort=name", ["bisque-vase", "mantel-clock", "soy-candle"]),
        ("category=home&sort=price", ["soy-candle", "bisque-vase", "mantel-clock"]),
        ("category=home&sort=price-desc", ["mantel-clock", "bisque-vase", "soy-candle"]),
        ("category=home&sort=nonsense", ["bisque-vase", "soy-candle", "mantel-clock"]),
    ],
)
async def test_what_is_found(reader: Reader, query: str, expected: list[str]) -> None:
    page = await reader.open(f"/?{query}")
    assert page.status == 200
    assert slugs(page) == expected
    assert ("Nothing here for that" in page.text) == (not expected)


@pytest.mark.parametrize("sort", ["featured", "name", "price", "price-desc"])
async def test_pages_show_every_product_once(reader: Reader, db: Database, sort: str) -> None:
    for number in range(30):
        await make_product(db, name=f"Thing {number % 7}", price_minor=100 * (number % 5), on_hand=number % 2)
    found: list[str] = []
    address = f"/?q=thing&in_stock=1&sort={sort}"
    pages = 0
    while address:
        page = await reader.open(address)
        pages += 1
        found += slugs(page)
        address = next((link for link in page.links if "cursor=" in link), "")
    assert len(found) == len(set(found)) == 15
    for number in range(40):
        await make_product(db, name=f"Other {number}", price_minor=100 * (number % 5))
    first = await reader.open(f"/?q=other&sort={sort}")
    second = await reader.open(next(link for link in first.links if "cursor=" in link))
    assert len(slugs(first)) == 24
    assert len({*slugs(first), *slugs(second)}) == 40
    assert pages == 1


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WyJmZWF0dXJlZCIsInRleHQiLCJ4Il0", "%00"])
async def test_a_cursor_that_is_none_leads_to_the_first_page(reader: Reader, cursor: str) -> None:
    page = await reader.open(f"/?q=lamp&cursor={cursor}")
    assert page.path == "/?q=lamp"
    assert slugs(page) == ["table-lamp"]


async def test_sold_out_is_said_and_cannot_be_sent(reader: Reader) -> None:
    page = await reader.open("/p/mantel-clock")
    assert "Sold out" in page.text
    assert all(form.action != "/cart/items" for form in page.forms)
    mug = (await reader.open("/p/stoneware-mug")).form("/cart/items")
    assert [is_gone for _, is_gone in mug.choices["variant_id"]] == [False, False, True]
    refused = await reader.send(mug, variant_id=mug.choices["variant_id"][2][0])
    assert "Sold out. The cart is unchanged." in refused.text
    assert "Nothing in it yet" in (await reader.open("/cart")).text


async def test_the_demo_has_what_a_shop_can_have(reader: Reader) -> None:
    home = await reader.open("/")
    assert len(slugs(home)) == 12
    pictures = [image for image in home.images if "/pictures/" in str(image.get("src"))]
    assert len(pictures) == 12
    for image in pictures:
        assert image["alt"]
        assert image["width"] == "640"
        assert image["height"] == "800"
        assert "320w" in str(image["srcset"])
    assert "−25%" in home.text
    assert "was $119.00" in home.text
    assert "Only 3 left" in home.text
    assert "Sold out" in home.text
