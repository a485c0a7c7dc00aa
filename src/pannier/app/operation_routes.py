"""The routes that are about the application itself: health, metrics, and its own description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from pannier.app.docs_page import CONTENT_SECURITY_POLICY, docs_page
from pannier.platform.health import Check, HealthReport, examine
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.observability.metrics import CONTENT_TYPE as METRICS_TYPE

_TAGS = ("operation",)


def health_routes(checks: Callable[[], Awaitable[Mapping[str, Check]]]) -> list[HotRoute]:
    """`/health/live` and `/health/ready`; `checks` gives what readiness depends on just now."""

    async def health_live(_: HotRequest) -> HotResponse:
        return HotResponse(b'{"status":"ok"}')

    async def health_ready(_: HotRequest) -> HotResponse:
        report = await examine(await checks())
        return HotResponse(msgspec.json.encode(report), 200 if report.status == "ok" else 503)

    live = Operation(
        "Is the process up",
        "Asks nothing of anybody.",
        _TAGS,
        responses={200: (dict[str, str], "It is.")},
    )
    ready = Operation(
        "May it be sent requests",
        "The database answers, the schema is the one this code needs, and the process is not draining.",
        _TAGS,
        responses={200: (HealthReport, "It may."), 503: (HealthReport, "Not now; `checks` says why.")},
    )
    return [
        HotRoute("GET", "/health/live", health_live, live, needs_start=False),
        HotRoute("GET", "/health/ready", health_ready, ready, needs_start=False),
    ]


def description_routes(
    prefix: str, document: Callable[[], Mapping[str, Any]], exposition: Callable[[], bytes]
) -> list[HotRoute]:
    """`/metrics`, and under `prefix` the OpenAPI document and a page that shows it."""

    async def metrics(_: HotRequest) -> HotResponse:
        return HotResponse(exposition(), content_type=METRICS_TYPE.encode())

    async def openapi_document(request: HotRequest) -> HotResponse:
        # Only the request knows the prefix of a mount, and one application may be mounted at several.
        served = {**document(), "servers": [{"url": request.root_path or "/"}]}
        return HotResponse(msgspec.json.encode(served))

    async def docs(request: HotRequest) -> HotResponse:
        page = docs_page(document(), document_url=f"{request.root_path}{prefix}/openapi.json")
        policy = (b"content-security-policy", CONTENT_SECURITY_POLICY.encode())
        return HotResponse(page, headers=[policy], content_type=b"text/html; charset=utf-8")

    figures = Operation(
        "Figures for Prometheus",
        "The sum over all worker processes.",
        _TAGS,
        responses={200: (str, "Text exposition format.")},
        media_type="text/plain",
    )
    described = Operation("This document", tags=_TAGS, responses={200: (dict[str, Any], "OpenAPI 3.1.")})
    page = Operation("This document for people", tags=_TAGS, responses={200: (str, "A page.")}, media_type="text/html")
    return [
        HotRoute("GET", "/metrics", metrics, figures, needs_start=False),
        HotRoute("GET", f"{prefix}/openapi.json", openapi_document, described, needs_start=False),
        HotRoute("GET", f"{prefix}/docs", docs, page, needs_start=False),
    ]
