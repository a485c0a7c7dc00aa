"""Refusals as problem details: one shape, one table, and nothing of the inside."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Any, Literal

import asyncpg
import msgspec
import pytest
from fastapi import APIRouter, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.database import DatabaseUnavailableError
from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.problems import (
    CONTENT_TYPE,
    PROBLEM_SCHEMA,
    STATUS_BY_KIND,
    all_errors,
    as_refusal,
    error_entries,
    problem_responses,
    render,
    status_of,
)
from pannier.platform.validation import faults_of, words_of
from tests.support.web import EdgeApp, client_of, hot_route

SOMEWHERE = {"path": "/", "query_string": b""}


class ShelfEmptyError(PannierError):
    """Asked for more than there is."""

    kind = ErrorKind.conflict
    error = "SHELF_EMPTY"
    code = "TEST_001"
    title = "Not enough on the shelf"


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku: str
    quantity: int
    tags: list[str] = []


class Basket(msgspec.Struct):
    lines: list[Line]
    note: str | None = None


class Address(BaseModel):
    city: str
    lines: list[int]


DECODER = msgspec.json.Decoder(Basket)
router = APIRouter()


@router.post("/addresses")
async def add_address(address: Address, express: bool = False) -> dict[str, Any]:
    return {"city": address.city, "express": express}


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("the password is hunter2")


@router.get("/teapot")
async def teapot() -> None:
    raise HTTPException(418, "short and stout", headers={"X-Spout": "yes"})


@router.get("/cold")
async def cold() -> None:
    raise ShelfEmptyError("3 left", field="quantity", details={"requested": 5, "available": 3})


async def hot(request: HotRequest) -> HotResponse:
    raise ShelfEmptyError("3 left", field="quantity", details={"requested": 5, "available": 3})


async def basket(request: HotRequest) -> HotResponse:
    return HotResponse(msgspec.json.encode(len(request.decode(DECODER).lines)))


async def crash(request: HotRequest) -> HotResponse:
    raise RuntimeError("the password is hunter2")


async def unplugged(request: HotRequest) -> HotResponse:
    raise asyncpg.ConnectionDoesNotExistError("connection to db.internal was closed")


def application() -> EdgeApp:
    return EdgeApp(
        [
            hot_route("GET", "/api/v1/hot", hot),
            hot_route("POST", "/api/v1/basket", basket),
            hot_route("GET", "/api/v1/crash", crash),
            hot_route("GET", "/api/v1/unplugged", unplugged),
        ],
        router,
    )


def test_every_kind_has_a_status_and_every_error_of_ours_a_text() -> None:
    assert set(STATUS_BY_KIND) == set(ErrorKind)
    entries = error_entries()
    assert {entry.error for entry in entries} >= {
        "VALIDATION_FAILED",
        "DATABASE_UNAVAILABLE",
        "LOGIN_REQUIRED",
    }
    assert all(entry.description and 400 <= entry.status < 600 for entry in entries)
    assert len({entry.code for entry in entries}) == len(entries)
    # Those of an application around the shop, such as this test's, are not ours to document.
    assert ShelfEmptyError not in all_errors()


def test_a_rendered_refusal_has_all_members_and_the_cart_as_it_came() -> None:
    error = ShelfEmptyError("3 left", field="quantity", details={"available": 3}, cart=b'{"version":7}')
    problem = render(error, instance="/shop/api/v1/cart/items", request_id="r-1")
    document = json.loads(problem.body)
    assert problem.status == 409
    assert document == {
        "type": "urn:pannier:problem:shelf-empty",
        "title": "Not enough on the shelf",
        "status": 409,
        "detail": "3 left",
        "instance": "/shop/api/v1/cart/items",
        "error": "SHELF_EMPTY",
        "code": "TEST_001",
        "field": "quantity",
        "details": {"available": 3},
        "request_id": "r-1",
        "cart": {"version": 7},
    }
    assert set(document) <= set(PROBLEM_SCHEMA["properties"])


async def test_hot_and_cold_routes_refuse_alike() -> None:
    async with client_of(application()) as client:
        hot_answer = await client.get("/api/v1/hot", headers={"x-request-id": "one"})
        cold_answer = await client.get("/api/v1/cold", headers={"x-request-id": "one"})
    assert hot_answer.status_code == cold_answer.status_code == 409
    assert hot_answer.headers["content-type"] == cold_answer.headers["content-type"] == CONTENT_TYPE
    assert hot_answer.json() | {"instance": ""} == cold_answer.json() | {"instance": ""}
    assert hot_answer.json()["request_id"] == "one"


@pytest.mark.parametrize("path", ["/api/v1/crash", "/api/v1/broken"])
async def test_an_unexpected_error_tells_its_id_and_nothing_else(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async with client_of(application()) as client:
        answer = await client.get(path, headers={"x-request-id": "find-me"})
    assert answer.status_code == 500
    assert (answer.json()["error"], answer.json()["request_id"]) == ("INTERNAL", "find-me")
    assert "hunter2" not in answer.text
    assert [record.exc_info is not None for record in caplog.records if record.name == "pannier.errors"] == [True]


async def test_a_database_that_is_gone_is_a_503_to_be_tried_again() -> None:
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/unplugged")
    assert answer.status_code == 503
    assert answer.json()["error"] == "DATABASE_UNAVAILABLE"
    assert answer.headers["retry-after"] == "2"
    assert "db.internal" not in answer.text


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), asyncpg.CannotConnectNowError(""), asyncpg.LockNotAvailableError("")]
)
def test_a_driver_that_cannot_connect_means_the_database_is_unavailable(error: Exception) -> None:
    assert isinstance(as_refusal(error, SOMEWHERE), DatabaseUnavailableError)


@pytest.mark.parametrize("error", [asyncpg.UntranslatableCharacterError(""), "\ud800"])
def test_text_that_no_database_stores_is_the_senders_fault(error: Exception | str) -> None:
    if isinstance(error, str):
        with pytest.raises(UnicodeEncodeError) as caught:
            error.encode()
        error = caught.value
    assert status_of(as_refusal(error, SOMEWHERE)) == 422


@pytest.mark.parametrize(
    "path, query, field",
    [("/products/\0", b"", "path"), ("/products", b"category=%00", "query"), ("/products", b"", None)],
)
def test_the_place_of_such_a_text_is_told(path: str, query: bytes, field: str | None) -> None:
    refusal = as_refusal(asyncpg.CharacterNotInRepertoireError(""), {"path": path, "query_string": query})
    assert refusal.field == field
    assert refusal.message.startswith(f"{field or 'body'}: ")


class Trunk(BaseModel):
    """One value of every kind a body or a query has."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["trunk"]
    count: Annotated[int, Field(ge=1, le=9)]
    name: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]+$")]
    at: AwareDatetime
    id: uuid.UUID
    is_open: bool
    parts: Annotated[list[int], Field(max_length=1)]


class Branch(BaseModel):
    kind: Literal["branch"]


Tree = TypeAdapter(Annotated[Trunk | Branch, Field(discriminator="kind")])
GOOD = {
    "kind": "trunk",
    "count": 1,
    "name": "ab",
    "at": "2026-11-20T14:00:00Z",
    "id": "01a1f8ce-6d17-75ad-bf69-b7c3a42bb4ad",
    "is_open": True,
    "parts": [1],
}


@pytest.mark.parametrize(
    "change, told",
    [
        ({"kind": None}, "Say which it is by 'kind'"),
        ({"kind": "leaf"}, "'kind' is one of 'trunk', 'branch'"),
        ({"count": 0}, "At least 1"),
        ({"count": 10}, "At most 9"),
        ({"count": "x"}, "A whole number"),
        ({"count": 1.5}, "A whole number, without a fraction"),
        ({"name": "a"}, "At least 2 characters"),
        ({"name": "abcde"}, "At most 4 characters"),
        ({"name": "AB"}, "A text of the form ^[a-z]+$"),
        ({"name": 1}, "A text"),
        ({"at": "yesterday"}, "A time such as 2026-11-20T14:00:00Z"),
        ({"at": "2026-11-20T14:00:00"}, "A time with its zone, such as 2026-11-20T14:00:00Z"),
        ({"id": "1"}, "A UUID"),
        ({"is_open": "perhaps"}, "true or false"),
        ({"parts": [1, 2]}, "At most 1 entries"),
        ({"parts": 1}, "A list"),
        ({"colour": 1}, "Unknown field"),
        ([], "An object"),
    ],
)
def test_what_pydantic_finds_is_told_in_our_words(change: dict[str, Any] | list[Any], told: str) -> None:
    given = {**GOOD, **change} if isinstance(change, dict) else change
    if isinstance(given, dict) and given["kind"] is None:
        del given["kind"]
    with pytest.raises(ValidationError) as caught:
        Tree.validate_python(given)
    assert [words_of(fault) for fault in caught.value.errors()] == [told]


@pytest.mark.parametrize(
    "path, body, faults",
    [
        (
            "/api/v1/addresses?express=perhaps",
            {"lines": ["a", 1, "b"]},
            ["city", "express", "lines.0", "lines.2"],
        ),
        (
            "/api/v1/basket",
            {"lines": [{"sku": 1, "quantity": "x", "colour": "red"}, {"quantity": 2}, "line"], "note": 5},
            ["lines.0.colour", "lines.0.quantity", "lines.0.sku", "lines.1.sku", "lines.2", "note"],
        ),
    ],
)
async def test_every_fault_of_the_input_is_told(path: str, body: Any, faults: list[str]) -> None:
    async with client_of(application()) as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["error"], problem["code"]) == ("VALIDATION_FAILED", "INPUT_001")
    assert sorted(fault["field"] for fault in problem["details"]["errors"]) == faults
    assert all(fault["message"] for fault in problem["details"]["errors"])
    assert problem["field"] == problem["details"]["errors"][0]["field"]


def test_a_fault_that_no_field_shows_is_told_as_msgspec_told_it() -> None:
    first = msgspec.ValidationError("Expected `int`, got `str` - at `$.lines[0].quantity`")
    assert faults_of(b'{"lines": []}', Basket, first) == [("lines.0.quantity", "Expected `int`, got `str`")]


@pytest.mark.parametrize("path", ["/api/v1/addresses", "/api/v1/basket"])
@pytest.mark.parametrize("body", [b'{"lines": [', b"\xff\xfe", b"[" * 100_000])
async def test_what_is_no_json_is_a_400(path: str, body: bytes) -> None:
    async with client_of(application()) as client:
        answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "MALFORMED_JSON")


@pytest.mark.parametrize("path", ["/api/v1/addresses", "/api/v1/basket"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_body_that_does_not_say_it_is_json_is_a_415(path: str, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    async with client_of(application()) as client:
        answer = await client.post(path, content=b'{"lines": []}', headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge-patch+json"])
async def test_json_may_be_named_more_closely(content_type: str) -> None:
    async with client_of(application()) as client:
        answer = await client.post("/api/v1/basket", content=b'{"lines": []}', headers={"content-type": content_type})
    assert (answer.status_code, answer.json()) == (200, 0)


@pytest.mark.parametrize("path", ["/api/v1/addresses", "/api/v1/basket"])
async def test_a_missing_body_is_a_fault_of_the_input(path: str) -> None:
    async with client_of(application()) as client:
        answer = await client.post(path)
    assert (answer.status_code, answer.json()["error"]) == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "method, path, status, allow",
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/api/v1/basket", 405, "POST"),
        ("DELETE", "/api/v1/addresses", 405, "POST"),
        ("BREW", "/api/v1/hot", 405, "GET"),
    ],
)
async def test_wrong_addresses_and_methods_are_problems(method: str, path: str, status: int, allow: str | None) -> None:
    async with client_of(application()) as client:
        answer = await client.request(method, path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers.get("allow") == allow


async def test_an_error_of_the_framework_keeps_its_status_text_and_headers() -> None:
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/teapot")
    assert (answer.status_code, answer.json()["error"]) == (418, "REQUEST_REFUSED")
    assert (answer.json()["detail"], answer.headers["x-spout"]) == ("short and stout", "yes")


def test_an_operation_lists_its_refusals_by_status() -> None:
    responses = problem_responses(ShelfEmptyError, DatabaseUnavailableError)
    assert list(responses) == [409, 503]
    assert "`SHELF_EMPTY`" in responses[409]["description"]
    assert list(responses[409]["content"]) == [CONTENT_TYPE]
