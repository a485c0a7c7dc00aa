"""Forms of other sites are refused, in one place, on every route that takes one."""

from __future__ import annotations

import re

import httpx
import pytest

from pannier.app import PannierApp
from pannier.platform.database import Database
from pannier.platform.origin import is_own_form
from pannier.storefront.api import storefront_router
from tests.storefront.reader import HEADERS, Page, Reader
from tests.support.shop import count

HOST = (b"host", b"shop.test")
COOKIE = (b"cookie", b"pannier_cart=x")


@pytest.mark.parametrize(
    "headers, is_own",
    [
        ([(b"sec-fetch-site", b"same-origin")], True),
        ([(b"sec-fetch-site", b"none")], True),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([(b"sec-fetch-site", b"cross-site")], False),
        ([(b"sec-fetch-site", b"cross-site"), (b"origin", b"http://shop.test")], False),
        ([(b"origin", b"http://shop.test")], True),
        ([(b"origin", b"https://shop.test")], True),
        ([(b"origin", b"http://SHOP.test")], True),
        ([(b"origin", b"http://evil.test")], False),
        ([(b"origin", b"http://shop.test.evil.test")], False),
        ([(b"origin", b"http://shop.test:81")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", b"http://[")], False),
        ([(b"origin", b"null"), (b"referer", b"http://shop.test/cart")], False),
        ([(b"referer", b"http://shop.test/cart")], True),
        ([(b"referer", b"http://evil.test/http://shop.test/")], False),
        ([(b"referer", b"http://shop.test@evil.test/")], False),
        ([], True),
        ([COOKIE], False),
    ],
)
def test_whose_form_it_is(headers: list[tuple[bytes, bytes]], is_own: bool) -> None:
    assert is_own_form(dict([HOST, *headers])) is is_own


def test_an_origin_without_a_host_to_compare_is_not_ours() -> None:
    assert not is_own_form({b"origin": b"null"})


async def test_a_foreign_form_gets_a_page_and_does_nothing(reader: Reader, db: Database) -> None:
    form = (await reader.open("/p/cobalt-bowl")).form("/cart/items")
    foreign = {**HEADERS, "Sec-Fetch-Site": "cross-site", "Origin": "http://evil.test"}
    answer = await reader.http.post(form.action, data=form.fields, headers=foreign)
    assert answer.status_code == 403
    assert "did not come from our shop" in Page(answer).text
    assert "set-cookie" not in answer.headers
    assert await count(db, "cart") == 0


async def test_every_route_that_changes_something_is_guarded(app: PannierApp, reader: Reader) -> None:
    places = [
        re.sub(r"\{\w+(:uuid)?\}", "01a1f8ce-6d17-75ad-bf69-b7c3a42bb4ad", route.path)  # type: ignore[attr-defined]  # all are routes with a path
        for route in storefront_router(app.pages).routes
        if "POST" in route.methods  # type: ignore[attr-defined]  # the same
    ]
    assert len(places) >= 16
    for place in places:
        answer = await reader.http.post(place, data={"a": "b"}, headers={**HEADERS, "Sec-Fetch-Site": "same-site"})
        assert (place, answer.status_code) == (place, 403)


async def test_a_program_is_told_by_problem_details(reader: Reader) -> None:
    answer = await reader.http.post("/cart/items", headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == "FOREIGN_FORM"


@pytest.mark.parametrize("back", ["//evil.test", "https://evil.test/", "/\\evil.test", "", "/a\r\nb", "x"])
async def test_a_form_leads_back_into_the_shop_only(reader: Reader, back: str) -> None:
    form = (await reader.open("/p/cobalt-bowl")).form("/cart/items")
    answer: httpx.Response = await reader.post(form, back=back)
    assert answer.headers["location"] == "/"
