"""What every page is sent with, how refusals look, and how much of it there is."""

from __future__ import annotations

import gzip
import re

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from pannier.app import PannierApp
from pannier.app.wiring import Services
from pannier.kernel.countries import COUNTRIES
from pannier.kernel.country_names import COUNTRY_NAMES
from pannier.platform.database import Database
from pannier.platform.migrate import shipped
from pannier.storefront.texts import clean_html, day, flag_texts, money, percent_off
from tests.storefront.reader import HEADERS, ORIGIN, Page, Reader

CSS_BYTES_MAX = 12_000
FONT_BYTES_MAX = 45_000
PHONE_PAGE_BYTES_MAX = 250_000


def check_headers(response: httpx.Response) -> None:
    headers = response.headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    for rule in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/?q=lamp", "/p/oak-stool", "/cart", "/p/none", "/none", "/orders/none"])
async def test_every_page_is_sent_with_the_headers_and_without_script(reader: Reader, path: str) -> None:
    page = await reader.open(path)
    check_headers(page.response)
    assert page.response.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in page.tags
    assert "style" not in page.tags
    assert re.search(r"<[^>]+\s(style|on\w+)=", page.response.text) is None
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1


@pytest.mark.parametrize(
    "path", ["/none", "/p/none", "/orders/none", "/checkout/01a1f8ce-6d17-75ad-bf69-b7c3a42bb4ad", "/p/%00"]
)
async def test_what_is_not_there_is_a_page_of_the_shop(reader: Reader, path: str) -> None:
    page = await reader.open(path)
    assert page.status == 404
    assert "We cannot find that page" in page.text
    assert "Back to the shop" in page.text


async def test_programs_get_problem_details_as_ever(reader: Reader) -> None:
    for path in ("/none", "/api/v1/none"):
        answer = await reader.http.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await reader.http.get("/api/v1/none", headers=HEADERS)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_address_that_is_opened_says_so(reader: Reader) -> None:
    page = await reader.open("/cart/items")
    assert page.status == 405
    assert "Start again from the shop" in page.text
    check_headers(page.response)


async def test_a_fault_of_ours_and_a_lost_database_look_like_the_shop(reader: Reader, app: PannierApp) -> None:
    services: Services = app.state.pannier
    raised: list[Exception] = [RuntimeError("secret figures"), asyncpg.CannotConnectNowError("starting")]

    class Broken:
        async def browse(self, *_: object, **__: object) -> None:
            raise raised.pop(0)

    app.lifecycle._by_type[type(services.browser)] = Broken()
    failed, down = await reader.open("/"), await reader.open("/")
    assert (failed.status, down.status) == (500, 503)
    assert "Something went wrong on our side" in failed.text
    assert "secret" not in failed.text
    assert failed.response.headers["x-request-id"] in failed.text
    assert "We are back in a moment" in down.text
    assert int(down.response.headers["retry-after"]) >= 1
    for page in (failed, down):
        check_headers(page.response)


@pytest.mark.parametrize(
    "body, content_type, status",
    [
        (b"{}", "application/json", 415),
        (b"variant_id=%FF", "application/x-www-form-urlencoded", 422),
        (b"variant_id=\xff", "application/x-www-form-urlencoded", 422),
        (b"variant_id=%00", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a%d=1" % n for n in range(1_200)), "application/x-www-form-urlencoded", 422),
        (b"a=" + b"x" * 1_100_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_a_form_that_is_none_is_refused_with_a_page(
    reader: Reader, body: bytes, content_type: str, status: int
) -> None:
    answer = await reader.http.post("/cart/items", content=body, headers={**HEADERS, "Content-Type": content_type})
    assert answer.status_code == status
    assert Page(answer).tags.count("h1") == 1


@pytest.mark.parametrize("cookie", ["x", "W10", "bnVsbA", "!!", "WyJvayIsIjxiPmJvbGQ8L2I-Il0"])
async def test_a_message_that_somebody_planted_is_text_at_most(reader: Reader, cookie: str) -> None:
    answer = await reader.http.get("/", headers={**HEADERS, "Cookie": f"pannier_said={cookie}"})
    assert answer.status_code == 200
    assert "<b>" not in answer.text


async def test_assets_never_change_under_their_address(reader: Reader) -> None:
    home = (await reader.open("/")).response.text
    (address,) = re.findall(r'href="(/a/[0-9a-f]{12}/css/shop\.css)"', home)
    sheet = await reader.http.get(address)
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert sheet.headers["content-encoding"] == "gzip"
    other = await reader.http.get(re.sub("/a/[0-9a-f]+/", "/a/0123456789ab/", address))
    assert other.content == sheet.content
    assert other.headers["cache-control"] == "no-cache"
    for path in ("/a/x/../../pyproject.toml", "/a/x/%2e%2e/templates/base.html", "/a/x/", "/pictures/none.webp"):
        assert (await reader.http.get(path)).status_code == 404
    picture = await reader.http.get("/pictures/mug.webp")
    assert picture.headers["content-type"] == "image/webp"


async def test_the_shop_is_light(reader: Reader) -> None:
    static = shipped("web") / "static"
    sheet = len(gzip.compress((static / "css" / "shop.css").read_bytes(), 9))
    fonts = sum(path.stat().st_size for path in static.glob("fonts/*.woff2"))
    assert sheet <= CSS_BYTES_MAX
    assert fonts <= FONT_BYTES_MAX
    for path in ("/", "/p/soy-candle"):
        page = await reader.open(path)
        # A phone of 390 px and three device pixels each takes the widest of those it is offered.
        pictures = sum([len((await reader.http.get(str(image["src"]))).content) for image in page.images])
        assert len(page.response.content) + sheet + fonts + pictures <= PHONE_PAGE_BYTES_MAX
        assert all("loading" in image or "fetchpriority" in image for image in page.images)


async def test_a_shop_under_a_prefix_stays_below_it(app: PannierApp, db: Database) -> None:
    host = Starlette(routes=[Mount("/shop", app)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(host), base_url=ORIGIN) as http:
        reader = Reader(http, "/shop")
        home = await reader.open("/")
        assert all(link.startswith(("/shop/", "#")) for link in home.links)
        assert all(str(image["src"]).startswith("/shop/a/") for image in home.images)
        added = await reader.send((await reader.open("/p/cobalt-bowl")).form("/shop/cart/items"))
        assert added.path == "/shop/p/cobalt-bowl"
        assert "is in your cart" in added.text
        assert http.cookies.jar._cookies["shop.test"]["/shop"]  # type: ignore[attr-defined]  # its only way to paths
        page = await reader.send((await reader.open("/cart")).form("/shop/checkout"))
        assert page.path.startswith("/shop/checkout/")
        assert (await reader.open("/none")).text.startswith("We cannot") or page.status == 200


def test_countries_are_those_that_checkout_takes() -> None:
    assert {code for code, _ in COUNTRY_NAMES} == COUNTRIES
    assert len({name for _, name in COUNTRY_NAMES}) == len(COUNTRY_NAMES)


@pytest.mark.parametrize(
    "amount, currency, text",
    [(123_450, "USD", "$1,234.50"), (0, "EUR", "€0.00"), (1_500, "JPY", "¥1,500"), (8_900, "CHF", "CHF\xa089.00")],
)
def test_money_as_it_is_read(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


def test_a_day_as_it_is_read() -> None:
    assert day("2026-11-05T12:00:00.5+00:00") == "5 November 2026"


def test_a_promise_is_rounded_down() -> None:
    assert percent_off(8_900, 11_900) == 25
    assert percent_off(9_999, 10_000) == 0


def test_a_description_keeps_its_structure_and_nothing_else() -> None:
    text = '<h1 onclick="x">A</h1><p style="x">b <a href="javascript:x">c</a></p><script>d</script><img src=x>'
    assert clean_html(text) == "<h3>A</h3><p>b c</p>"


def test_the_more_important_flag_is_told() -> None:
    assert flag_texts(["hold_expired", "insufficient_stock"], "Stool", 2) == [
        "Only 2 × Stool left: take fewer to check out."
    ]
    assert len(flag_texts(["hold_expired", "price_changed"], "Stool", 2)) == 2
