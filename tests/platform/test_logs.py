"""Logs are lines of JSON with the request's id and without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.observability.context import correlation_id
from pannier.platform.observability.logs import REDACTED, JsonFormatter, configure_logging, redact
from pannier.platform.problems import RouteNotFoundError
from tests.support.web import EdgeApp, client_of, hot_route

# The same in every test process: it stands in the names of tests.
TOKEN = "ct_" + "kGIow8EpT6Peopnm0VTodRRfNOgrV6FuWJY3VStbwRs"


class Lines:
    """A logger's output, parsed."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What loggers under `pannier` write while the test runs, as our formatter writes it."""
    caught = Lines()
    handler = logging.StreamHandler(caught.stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("pannier")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield caught
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_a_record_is_one_line_with_its_extras(lines: Lines) -> None:
    logging.getLogger("pannier.cart").warning("two\nlines of %s", "text", extra={"cart_id": 7, "at": complex(1)})
    (line,) = lines.all()
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "pannier.cart",
        "message": "two\nlines of text",
        "cart_id": 7,
        "at": "(1+0j)",
    }


@pytest.mark.parametrize(
    "text, secret",
    [
        (f"cart {TOKEN} not found", TOKEN),
        (f"Authorization: Bearer {TOKEN}x", TOKEN),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("connecting to postgresql://shop:hunter2@db:5432/shop", "hunter2"),
        ("Cookie: a=1; session=zzz", "session=zzz"),
        ("(b'cookie', b'session=zzz')", "session=zzz"),
        ("?token=s3cr3t&x=1", "s3cr3t"),
        ("host=db password=hunter2 user=x", "hunter2"),
        (f"refresh {TOKEN.replace('ct_', 'rt_')} of a session", TOKEN.replace("ct_", "rt_")),
        (f"Key (link)=({TOKEN.replace('ct_', 'lt_')}) exists", TOKEN.replace("ct_", "lt_")),
        ("cannot use eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl here", "eyJzdWIiOiJ1In0"),
        ("row ($argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g)", "aGFzaGhhc2g"),
    ],
)
def test_secrets_do_not_get_into_a_line(text: str, secret: str, lines: Lines) -> None:
    assert secret not in redact(text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("pannier").exception("%s", text, extra={"seen": text, "nested": {"deep": [text]}})
    written = lines.stream.getvalue()
    assert secret not in written
    assert REDACTED in written


def test_a_field_named_like_a_secret_is_not_written(lines: Lines) -> None:
    extra = {"admin_token": "abc", "headers": {"Set-Cookie": "a=b"}, "dsn": "x", "sku": "A-1"}
    logging.getLogger("pannier").info("settings", extra=extra)
    (line,) = lines.all()
    assert (line["admin_token"], line["headers"], line["dsn"]) == (
        REDACTED,
        {"Set-Cookie": REDACTED},
        REDACTED,
    )
    assert line["sku"] == "A-1"


def test_what_is_no_secret_stays() -> None:
    text = "GET /api/v1/cart?sku=A-1 took 3 ms at http://127.0.0.1:8000/x@y"
    assert redact(text) == text


async def noted(request: HotRequest) -> HotResponse:
    logging.getLogger("pannier.cart").info("inside")
    if request.query("refuse"):
        raise RouteNotFoundError("no")
    return HotResponse(b"{}")


async def test_a_line_carries_the_ids_of_its_request(lines: Lines) -> None:
    app = EdgeApp([hot_route("GET", "/noted", noted)])
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with client_of(app) as client:
        await client.get("/noted", headers={"x-request-id": "r-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    (line,) = lines.all()
    assert (line["request_id"], line["trace_id"]) == ("r-1", trace)


@pytest.mark.parametrize("mode, statuses", [("off", []), ("errors", [404]), ("all", [200, 404])])
async def test_the_access_log_tells_what_it_is_asked_to(mode: Any, statuses: list[int], lines: Lines) -> None:
    app = EdgeApp([hot_route("GET", "/noted", noted)], access_log=mode)
    async with client_of(app) as client:
        await client.get("/noted")
        await client.get("/noted?refuse=1")
    written = [line for line in lines.all() if line["logger"] == "pannier.access"]
    assert [line["status"] for line in written] == statuses
    assert all({"method", "path", "route", "duration_ms", "client", "request_id"} <= set(line) for line in written)


def test_configured_logging_takes_over_the_root_and_uvicorn() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        configure_logging("WARNING", stream=stream)
        logging.getLogger("uvicorn.error").warning("listening")
        logging.getLogger("uvicorn.access").warning("GET / 200")
        logging.getLogger("somebody").info("too quiet")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.getLogger("uvicorn.access").disabled = False
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["listening"]


def test_on_a_terminal_a_record_is_a_line_for_people_and_keeps_the_secrets() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logging("INFO", stream=stream, is_for_people=True)
        logging.getLogger("pannier.prices").info("prices of revision %d are in force", 4, extra={"revision": 4})
        correlation_id.set("4f1c")
        logging.getLogger("pannier.db").warning("cannot reach postgresql://shop:hunter2@db/shop")
        try:
            raise ValueError("password=hunter2")
        except ValueError:
            logging.getLogger("pannier.jobs").exception("job failed")
    finally:
        root.handlers[:], root.level = before
        correlation_id.set(None)
        logging.getLogger("uvicorn.access").disabled = False
        logging.getLogger("asyncpg.pool").filters.clear()
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d prices of revision 4 are in force", lines[0])
    assert re.fullmatch(r"[\d:]+ warning: cannot reach postgresql://\[redacted\]@db/shop \(request 4f1c\)", lines[1])
    assert re.fullmatch(r"[\d:]+ error: job failed \(request 4f1c\)", lines[2])
    assert lines[3] == "Traceback (most recent call last):"
    assert "hunter2" not in stream.getvalue()


def test_a_pool_that_cannot_connect_says_so_in_one_line() -> None:
    """asyncpg logs where in its own code it failed, once a second for as long as the database is away."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logging("INFO", stream=stream)
        try:
            raise ConnectionRefusedError("connect call failed")
        except ConnectionRefusedError:
            logging.getLogger("asyncpg.pool").warning("Failed to restore the pool connection floor", exc_info=True)
    finally:
        root.handlers[:], root.level = before
        logging.getLogger("asyncpg.pool").filters.clear()
    (line,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert line["message"] == "the database cannot be reached, tried again: ConnectionRefusedError: connect call failed"
    assert "error" not in line
    assert "Traceback" not in stream.getvalue()
