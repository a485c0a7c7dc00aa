"""Bad input by hand: a problem that says what to do, nothing stored, nothing run, and the server goes on."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest_asyncio

from pannier.app.audit import audit
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.contracts.bad_requests import HOSTILE_TEXTS, WRITES, WRONG_IDS, Write, broken, filled, spoiled, with_text
from tests.contracts.standing import StandingShop, Trade, standing, trade

JSON = {"Content-Type": "application/json"}
MEGABYTE = 1024 * 1024


QUESTIONS = """
    /products?cursor={} /products?limit={} /products?category={} /products/{} /products/{}/inventory
    /admin/products?status={} /admin/products?cursor={} /admin/products/{} /admin/orders?status={}
    /admin/orders?placed_from={} /admin/orders?placed_to={} /admin/orders?cursor={} /admin/orders?limit={}
    /admin/orders?external_reference={} /orders/{} /checkouts/{} /checkouts/{}/status
    /checkouts/{}/shipping-options /admin/stock/{} /admin/stock/{variant}?cursor={} /admin/stock/{variant}?limit={}
    /cart?channel={} /cart/summary?channel={} /cart/history?limit={} /cart/history?cursor={} /cart/history?cart_id={}
    /cart/history/{}
""".split()
#: By write and what was wrong with it: what is wrong with the answer, None for nothing.
Faults = dict[tuple[str, str], str | None]


@dataclass
class Desk:
    """Sends what the tests make up to a shop in use."""

    shop: StandingShop
    known: Trade
    db: Database
    clients: dict[str, httpx.AsyncClient]

    def writes(self) -> list[Write]:
        """Every write, with ids of this shop."""
        return [filled(write, self.shop, self.known) for write in WRITES]

    async def send(
        self,
        write: Write,
        content: bytes | None = None,
        headers: dict[str, str] | httpx.Headers | None = None,
        path: str | None = None,
    ) -> httpx.Response:
        """The answer to a write with other bytes, headers or path."""
        client = self.clients[write.who]
        url = f"{self.shop.url}/api/v1{path or write.path}"
        return await client.request(write.method, url, content=content, headers=JSON if headers is None else headers)


@pytest_asyncio.fixture
async def desk(settings: Settings, db: Database) -> AsyncIterator[Desk]:
    async with standing(settings, db) as shop:
        known = await trade(shop)
        async with shop.client(known.headers) as guest, shop.client(shop.staff) as staff:
            yield Desk(shop, known, db, {"guest": guest, "staff": staff})
            # Whatever came before: it sells.
            sold = await guest.post("/cart/items", json={"variant_id": shop.variants[3], "quantity": 1})
            assert sold.status_code == 200, sold.text
    assert (await audit(db)).breaches == []


def found(faults: Faults) -> Faults:
    """Those that are any."""
    return {place: fault for place, fault in faults.items() if fault is not None}


async def contents(db: Database) -> dict[str, Any]:
    """A digest of every row of every table, but for what jobs take or note in their own time."""
    async with db.read() as connection:
        tables = await connection.fetch(
            "select quote_ident(table_name) as name from information_schema.tables"
            " where table_schema = current_schema and table_type = 'BASE TABLE'"
            " and table_name not in ('cart_history', 'cart_snapshot', 'event_cursor',"
            " 'wishlist_task', 'wishlist_watch')"
        )
        return {
            table["name"]: await connection.fetchval(
                f"select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '')"
                f" from {table['name']} t"
            )
            for table in tables
        }


def json_with(name: str, value: str) -> httpx.Headers:
    """The headers of JSON, and one more that need not be ASCII."""
    return httpx.Headers([(b"content-type", b"application/json"), (name.encode(), value.encode("latin-1"))])


def fault_of(answer: httpx.Response, *statuses: int) -> str | None:
    """What is wrong with a refusal; None when it is one, with a clear message, as problem details."""
    expected = statuses or tuple(range(400, 500))
    if answer.status_code == 200 and answer.url.path.endswith("/operations"):
        # A queue is told what became of each, and one that is wrong stops none behind it.
        results = answer.json()["results"]
        return None if all(not one["ok"] and len(one["message"]) >= 10 for one in results) else answer.text[:200]
    if answer.status_code not in expected:
        return f"{answer.status_code}: {answer.text[:200]}"
    if answer.headers["content-type"] != "application/problem+json":
        return f"as {answer.headers['content-type']}"
    problem = answer.json()
    if problem["status"] != answer.status_code or len(problem["detail"]) < 10 or not problem["code"]:
        return f"says too little: {problem}"
    return None


async def test_no_body_but_a_right_one_is_taken(desk: Desk) -> None:
    before = await contents(desk.db)

    faults: Faults = {}
    for write in desk.writes():
        if write.body is None:
            continue
        for name, content in [*broken(write.body), *spoiled(write.body)]:
            faults[str(write), name] = fault_of(await desk.send(write, content))
        too_much = json.dumps(write.body).encode() + b" " * MEGABYTE
        faults[str(write), "a megabyte"] = fault_of(await desk.send(write, too_much), 413)

    assert found(faults) == {}
    assert await contents(desk.db) == before


_CHANGES_NOTHING = {"/inventory/check", "/admin/stock-packages"}
"""What is asked by POST and stores nothing: a key would protect nothing there."""


async def test_no_key_that_is_none_is_taken(desk: Desk) -> None:
    before = await contents(desk.db)

    faults: Faults = {}
    for write in desk.writes():
        if write.path in _CHANGES_NOTHING or write.path.startswith("/pricing/"):
            continue
        for key in ("", "two words", "k" * 256, "käse", "tab\there"):
            headers = json_with("Idempotency-Key", key)
            faults[str(write), key] = fault_of(await desk.send(write, write.content, headers), 422)

    assert found(faults) == {}
    assert await contents(desk.db) == before


async def test_no_version_and_no_channel_that_is_none_is_taken(desk: Desk) -> None:
    before = await contents(desk.db)

    faults: Faults = {}
    for write in desk.writes():
        if not write.path.startswith("/cart"):
            continue
        for version in ('"x"', "7", '"-1"', f'"{"9" * 19}"', '"1", "2"', "W/*", "\u00bd"):
            headers = json_with("If-Match", version)
            faults[str(write), version] = fault_of(await desk.send(write, write.content, headers), 422)
        for channel in ("", "%00", "a'b", "A", "%ff", "x" * 64, "../etc"):
            answer = await desk.send(write, write.content, path=f"{write.path}?channel={channel}")
            faults[str(write), channel] = fault_of(answer, 422)

    assert found(faults) == {}
    assert await contents(desk.db) == before


async def test_no_other_kind_of_body_and_no_other_method_is_taken(desk: Desk) -> None:
    before = await contents(desk.db)
    form = "application/x-www-form-urlencoded"

    faults: Faults = {}
    for write in desk.writes():
        for method in ("TRACE", "REPORT"):
            faults[str(write), method] = fault_of(await desk.send(replace(write, method=method)), 405)
        if write.body is None:
            continue
        for kind in ("text/plain", form, "multipart/form-data; boundary=x", "json", ""):
            faults[str(write), kind] = fault_of(await desk.send(write, write.content, {"Content-Type": kind}), 415)
        sent = await desk.send(write, b"variant_id=1&quantity=2", {"Content-Type": form})
        faults[str(write), "a form"] = fault_of(sent, 415)
        if write.needs_body:
            faults[str(write), "nothing"] = fault_of(await desk.send(write, b""), 422)
            faults[str(write), "null"] = fault_of(await desk.send(write, b"null"), 422)

    assert found(faults) == {}
    assert await contents(desk.db) == before


async def test_an_id_that_is_none_finds_nothing(desk: Desk) -> None:
    before = await contents(desk.db)

    faults: Faults = {}
    for template, write in zip(WRITES, desk.writes(), strict=True):
        if "{" not in template.path:
            continue
        for wrong in WRONG_IDS:
            path = re.sub(r"\{\w+\}", wrong, template.path)
            faults[str(write), wrong] = fault_of(await desk.send(write, write.content, path=path), 404, 405, 422)

    assert found(faults) == {}
    assert await contents(desk.db) == before


async def test_no_text_is_run(desk: Desk) -> None:
    tables = set(await contents(desk.db))
    places = [
        (write, text, body)
        for write in desk.writes()
        for text in HOSTILE_TEXTS
        for body in with_text(write.body or {}, text)
    ]
    kept, strange = 0, []
    for write, text, body in places:
        answer = await desk.send(write, json.dumps(body).encode())
        if answer.is_success:
            kept += text in json.dumps(answer.json(), ensure_ascii=False).replace('\\"', '"')
        elif fault := fault_of(answer):
            strange.append((str(write), text, fault))
        if answer.headers["x-content-type-options"] != "nosniff" or "html" in answer.headers["content-type"]:
            strange.append((str(write), text, "a browser could take this for a page"))

    assert strange == []
    assert kept > 50, "free text is kept as it was sent"
    assert set(await contents(desk.db)) == tables


async def test_a_question_that_makes_no_sense_is_refused_or_finds_nothing(desk: Desk) -> None:
    # The last three are cursors: of the end of time, of a place beyond all, of nothing.
    ends = [b"9999-12-31T23:59:59-14:00 " + desk.shop.variants[0].encode(), b"99999999999999999999:" + b"0" * 32, b""]
    cursors = [base64.urlsafe_b64encode(end).decode() for end in ends]
    moments = ["0.5", "1e309", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00"]

    faults: Faults = {}
    for path in QUESTIONS:
        for wrong in (*WRONG_IDS, *moments, *cursors):
            asked = path.replace("{variant}", desk.shop.variants[0]).replace("{}", wrong)
            answer = await desk.clients["staff"].get(f"{desk.shop.url}/api/v1{asked}")
            if answer.status_code != 200 or "?" not in path:
                faults[path, wrong] = fault_of(answer, 400, 404, 422)

    assert found(faults) == {}


async def test_too_many_or_too_long_headers_are_refused(desk: Desk) -> None:
    address = urlsplit(desk.shop.url)
    head = f"GET /api/v1/cart HTTP/1.1\r\nHost: {address.netloc}\r\n".encode()
    bad = {
        "ten thousand": b"".join(b"x-%d: y\r\n" % number for number in range(10_000)),
        "64 kB": b"x-long: " + b"y" * 65_536 + b"\r\n",
        "64 kB of cookies": b"cookie: " + b"a=b; " * 13_000 + b"\r\n",
    }
    for name, lines in bad.items():
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head + lines + b"\r\n")
        await writer.drain()
        status = await asyncio.wait_for(reader.readline(), 10)
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        assert status.split()[1] == b"431", name
        assert b"application/problem+json" in answer, name
        assert b"HTTP_431" in answer + await asyncio.wait_for(reader.read(2000), 10), name
        writer.close()
        await writer.wait_closed()


async def test_what_is_not_http_is_refused_and_leaves_the_others_alone(desk: Desk) -> None:
    address = urlsplit(desk.shop.url)
    host = f"Host: {address.netloc}\r\n".encode()
    for bad in (
        b"\0" * 2000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /api/v1/cart HTTP/1.1\r\n" + host + b"x: a\0b\r\n\r\n",
        b"POST /api/v1/cart/items HTTP/1.1\r\n" + host + b"content-length: -5\r\n\r\n",
        b"POST /api/v1/cart/items HTTP/1.1\r\n" + host + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST /api/v1/cart/items HTTP/1.1\r\n" + host + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\r\nGET /\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(bad)
        answer = await asyncio.wait_for(reader.read(200), 10)
        assert answer.split()[1].startswith(b"4"), (bad, answer)
        writer.close()
        await writer.wait_closed()
