"""What protects a browser stands on every answer of every route: pages, API, refusals, files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from fastapi.routing import iter_route_contexts

from pannier.app import PannierApp, create_app
from pannier.app.route_groups import group_of
from pannier.kernel.clock import ManualClock
from pannier.platform.settings import Settings

AN_ID = "01a1f8ce-6d17-75ad-bf69-b7c3a42bb4ad"
# Files may be shown by whatever site shows the shop's products; everything else is nobody's but ours.
FILES = ("/a/", "/pictures/")
PAGE = {"Accept": "text/html", "Origin": "https://shop.test", "Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncIterator[PannierApp]:
    made = create_app(settings.model_copy(update={"cart_cookie_secure": True}), clock=clock)
    async with made.running():
        yield made


def places(app: PannierApp) -> list[tuple[str, str]]:
    """Every (method, path) there is, with something in place of the parameters, and a path of nobody."""
    cold = [(method, route.path or "") for route in iter_route_contexts(app.routes) for method in route.methods or ()]
    hot = [(route.method, route.path) for route in app.hot.routes]
    asset = f"/a/{app.pages.assets.version}/css/shop.css"
    found = [(method, re.sub(r"\{[^}]*\}", AN_ID, path)) for method, path in [*cold, *hot]]
    return [*found, ("GET", asset), ("GET", "/pictures/mug.webp"), ("GET", "/nowhere"), ("DELETE", "/api/v1/nowhere")]


def check(answer: httpx.Response, method: str, path: str) -> list[str]:
    """What is missing."""
    headers = answer.headers
    policy = headers.get("content-security-policy", "")
    is_file = path.startswith(FILES) and answer.status_code == 200
    resource = "cross-origin" if is_file else "same-origin"
    held = {
        "nosniff": headers.get("x-content-type-options") == "nosniff",
        "csp": policy.startswith("default-src 'none'") and "unsafe" not in policy,
        "frames": "frame-ancestors 'none'" in policy,
        "referrer": headers.get("referrer-policy") in {"no-referrer", "same-origin"},
        "https only": headers.get_list("strict-transport-security") == ["max-age=31536000"],
        "opener": headers.get("cross-origin-opener-policy") == "same-origin",
        "resource": headers.get("cross-origin-resource-policy") == resource,
        "cache": "no-store" in headers["cache-control"] or is_file,
        "no other sites": "access-control-allow-origin" not in headers,
        "limits told": ("ratelimit" in headers) == (group_of(method, path, b"") is not None),
        "request id": "x-request-id" in headers,
    }
    return [f"{method} {path} ({answer.status_code}): {name}" for name, is_held in held.items() if not is_held]


async def test_every_route_protects_whoever_asks(app: PannierApp) -> None:
    found = places(app)
    assert len(found) > 40
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://shop.test") as client:
        missing = []
        for method, path in found:
            for headers in ({}, PAGE):
                missing += check(await client.request(method, path, headers=headers), method, path)
    assert missing == []


async def test_a_shop_without_https_does_not_demand_it(settings: Settings) -> None:
    app = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as client:
        answer = await client.get("/health/live")
    assert "strict-transport-security" not in answer.headers
