"""One application from outside: its health, its figures, and a description that is exactly what it serves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from pannier.app import PannierApp, create_app
from pannier.app.docs_page import docs_page
from pannier.app.openapi import add_schemas, merged_document
from pannier.kernel.clock import ManualClock
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.embedded import running_url
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.problems import UnsupportedMediaTypeError, all_errors, problem_responses
from pannier.platform.settings import Settings
from tests.support.embedded import open_directory
from tests.support.web import client_of


class Wanted(msgspec.Struct):
    """What a shopper asks for."""

    sku: str
    quantity: int = 1


class Given(msgspec.Struct):
    lines: list[Wanted]


class Address(BaseModel):
    city: str


async def put_thing(request: HotRequest) -> HotResponse:
    return HotResponse(b"{}")


THING = HotRoute(
    "PUT",
    "/api/v1/things/{thing_id}",
    put_thing,
    Operation(
        "Put a thing",
        "It is put.",
        ("things",),
        request=Wanted,
        responses={200: (Given, "What there is now.")},
        errors=(UnsupportedMediaTypeError,),
        parameters=({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}},),
    ),
)
router = APIRouter(prefix="/addresses")


@router.post("/{name}", responses=problem_responses(UnsupportedMediaTypeError))
async def add_address(name: str, address: Address) -> Address:
    return address


@pytest_asyncio.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncIterator[PannierApp]:
    """A running application with a hot and a cold route of the test's own."""
    made = create_app(settings, clock=clock)
    made.hot.add(THING)
    made.include_router(router, prefix="/api/v1")
    async with made.running():
        yield made


def served_operations(app: PannierApp) -> set[tuple[str, str]]:
    """Every (method, path) of the API that is answered; the pages for people are not part of it."""
    cold = {
        (method, route.path or "")
        for route in iter_route_contexts(app.routes)
        if getattr(route.original_route, "include_in_schema", True)
        for method in (route.methods or set()) - {"HEAD"}
    }
    return cold | {(route.method, route.path) for route in app.hot.routes}


def described_operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item}


async def test_the_description_is_valid_openapi_31(app: PannierApp) -> None:
    async with client_of(app) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_what_is_served_is_described_and_the_other_way_round(app: PannierApp) -> None:
    document = app.openapi()
    assert described_operations(document) == served_operations(app)
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


async def test_a_hot_route_is_described_from_its_types_and_refusals(app: PannierApp) -> None:
    document = app.openapi()
    told = document["paths"]["/api/v1/things/{thing_id}"]["put"]
    assert [(p["in"], p["name"]) for p in told["parameters"]] == [
        ("path", "thing_id"),
        ("header", "Idempotency-Key"),
    ]
    assert told["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Wanted"}
    # Its own, and those that every route with a JSON body has.
    assert {"200", "415", "400", "422", "default"} <= told["responses"].keys()
    assert document["components"]["schemas"]["Wanted"]["required"] == ["sku"]


async def test_a_cold_route_refuses_with_problems_in_the_description_too(app: PannierApp) -> None:
    document = app.openapi()
    told = document["paths"]["/api/v1/addresses/{name}"]["post"]["responses"]
    assert list(told["422"]["content"]) == ["application/problem+json"]
    assert {"415", "default"} <= set(told)
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_the_page_shows_every_operation_and_escapes_what_it_shows(app: PannierApp) -> None:
    async with client_of(app) as client:
        page = await client.get("/api/v1/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(f"<code>{path}</code>" in page.text for _, path in served_operations(app))
    assert "<script" not in page.text
    hostile = {"info": {"title": "<script>", "version": "1"}, "paths": {}, "components": {"schemas": {}}}
    assert b"<script" not in docs_page(hostile, document_url='"><script>')


def test_an_operation_or_a_schema_cannot_be_described_twice() -> None:
    base: dict[str, Any] = {"paths": {"/api/v1/things/{thing_id}": {"put": {"responses": {}}}}}
    with pytest.raises(ValueError, match="twice"):
        merged_document(base, [THING], cookie_name="cart")
    with pytest.raises(ValueError, match="named Wanted"):
        add_schemas({"Wanted": {"type": "string"}}, [Wanted])


async def test_it_is_ready_until_it_drains_and_alive_throughout(app: PannierApp) -> None:
    async with client_of(app) as client:
        ready = await client.get("/health/ready")
        app.lifecycle.begin_drain()
        draining = await client.get("/health/ready")
        live = await client.get("/health/live")
        still_answered = await client.put("/api/v1/things/1")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert set(ready.json()["checks"]) == {"accepting", "database", "migrations"}
    assert all(check["latency_ms"] >= 0 for check in ready.json()["checks"].values())
    assert (draining.status_code, draining.json()["checks"]["accepting"]["reason"]) == (503, "draining")
    assert (live.status_code, still_answered.status_code) == (200, 200)


async def test_it_is_not_ready_before_its_migrations_ran(empty_url: str) -> None:
    settings = Settings(database_url=empty_url)
    app = create_app(settings)
    async with app.running(), client_of(app) as client:
        before = await client.get("/health/ready")
        await migrate.upgrade(empty_url, settings)
        after = await client.get("/health/ready")
    assert before.status_code == 503
    assert before.json()["checks"]["database"]["status"] == "ok"
    assert "pannier migrate" in before.json()["checks"]["migrations"]["reason"]
    assert after.status_code == 200


async def test_it_is_not_ready_when_the_database_is_gone(app: PannierApp) -> None:
    async with client_of(app) as client:
        assert (await client.get("/health/ready")).status_code == 200
        await app.state.pannier.db.close()
        gone = await client.get("/health/ready")
    assert gone.status_code == 503
    assert gone.json()["checks"]["database"] == {
        "status": "failing",
        "latency_ms": gone.json()["checks"]["database"]["latency_ms"],
        "reason": "DatabaseUnavailableError",
    }


async def test_the_figures_include_the_pool(app: PannierApp) -> None:
    async with client_of(app) as client:
        figures = (await client.get("/metrics")).text
    assert "pannier_db_pool_size 2.0" in figures
    # A job may be using one of them at this moment.
    assert re.search(r"^pannier_db_pool_busy [012]\.0$", figures, re.MULTILINE)
    assert "pannier_db_retries_total 0.0" in figures
    assert "pannier_http_requests_in_flight 1.0" in figures


async def test_cold_routes_are_counted_by_their_whole_template(app: PannierApp) -> None:
    async with client_of(app) as client:
        await client.post("/api/v1/addresses/home", json={"city": "Riga"})
        figures = (await client.get("/metrics")).text
    assert 'route="/api/v1/addresses/{name}",status="2xx"} 1.0' in figures


async def test_services_know_the_clock_and_settings_they_were_made_with(
    app: PannierApp, settings: Settings, clock: ManualClock
) -> None:
    assert (app.state.pannier.settings, app.state.pannier.clock) == (settings, clock)
    assert app.lifecycle.provide(Database) is app.state.pannier.db


async def test_without_a_database_url_it_keeps_a_database_of_its_own() -> None:
    with open_directory() as directory:
        app = create_app(Settings(data_dir=directory / "data"))
        async with client_of(app) as client, app.running():
            ready = await client.get("/health/ready")
            url = running_url(directory / "data")
        assert (ready.status_code, url is not None) == (200, True)
        assert running_url(directory / "data") is None


def test_no_two_refusals_share_a_name_or_code() -> None:
    errors = all_errors()
    assert len({cls.error for cls in errors}) == len({cls.code for cls in errors}) == len(errors)
    assert all((cls.__doc__ or "").strip() for cls in errors)
