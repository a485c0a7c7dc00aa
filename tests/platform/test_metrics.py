"""Figures for Prometheus: per application, or the sum over worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.observability.metrics import MULTIPROCESS_VARIABLE, Metrics, forget_worker
from pannier.platform.problems import RouteNotFoundError
from tests.support.web import EdgeApp, client_of, hot_route

WORKER = """
import sys
from pannier.platform.observability.metrics import Metrics
metrics = Metrics()
metrics.gauge("inside", "Requests inside.", lambda: float(sys.argv[1]))
metrics.route("/api/v1/cart", "GET").observe(200, 0.002)
metrics.orders.labels("placed").inc(int(sys.argv[1]))
metrics.refresh()
if len(sys.argv) > 2:
    sys.stdout.buffer.write(metrics.exposition())
"""


def figures(exposition: bytes) -> dict[str, float]:
    """Samples as `{'name{label="x"}': value}`, without a histogram's buckets."""
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


async def answer(request: HotRequest) -> HotResponse:
    if request.param == "none":
        raise RouteNotFoundError("no")
    return HotResponse(b"{}")


async def test_requests_are_counted_by_route_template_method_and_class() -> None:
    app = EdgeApp([hot_route("GET", "/things/{id}", answer)])
    async with client_of(app) as client:
        for path in ("/things/1", "/things/2", "/things/none", "/scan/.env"):
            await client.get(path)
        await client.request("BREW", "/things/1")
    found = figures(app.metrics.exposition())
    counted = {name: value for name, value in found.items() if name.startswith("pannier_http_requests_total")}
    assert counted == {
        "pannier_http_requests_total method=GET route=/things/{id} status=2xx": 2,
        "pannier_http_requests_total method=GET route=/things/{id} status=4xx": 1,
        "pannier_http_requests_total method=GET route=unmatched status=4xx": 1,
        "pannier_http_requests_total method=OTHER route=unmatched status=4xx": 1,
    }
    assert found["pannier_http_request_duration_seconds_count method=GET route=/things/{id} status=2xx"] == 2


def test_two_applications_in_one_process_have_their_own_figures() -> None:
    one, other = Metrics(), Metrics()
    one.cart_adds.labels("added").inc()
    assert figures(one.exposition())["pannier_cart_adds_total outcome=added"] == 1
    assert "pannier_cart_adds_total outcome=added" not in figures(other.exposition())


def test_gauges_and_followed_counts_are_read_when_somebody_looks() -> None:
    metrics, retries, busy = Metrics(), [3.0], [5.0]
    metrics.follow("db_retries", "Transactions run again.", lambda: retries[0])
    metrics.gauge("db_pool_busy", "Connections in use.", lambda: busy[0])
    first = figures(metrics.exposition())
    retries[0], busy[0] = 4.0, 1.0
    second = figures(metrics.exposition())
    # The services were opened anew, and count from nothing again.
    retries[0] = 2.0
    third = figures(metrics.exposition())
    assert [f["pannier_db_retries_total"] for f in (first, second, third)] == [3, 4, 6]
    assert [f["pannier_db_pool_busy"] for f in (first, second)] == [5, 1]


def _worker(directory: Path, *arguments: str) -> tuple[int, bytes]:
    environment = {**os.environ, MULTIPROCESS_VARIABLE: str(directory)}
    process = subprocess.Popen([sys.executable, "-c", WORKER, *arguments], env=environment, stdout=subprocess.PIPE)
    written, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return process.pid, written


def test_any_worker_answers_for_all_of_them(tmp_path: Path) -> None:
    first, _ = _worker(tmp_path, "2")
    _, exposition = _worker(tmp_path, "3", "and-show")
    found = figures(exposition)
    assert found["pannier_http_requests_total method=GET route=/api/v1/cart status=2xx"] == 2
    assert found["pannier_http_request_duration_seconds_count method=GET route=/api/v1/cart status=2xx"] == 2
    assert found["pannier_orders_total outcome=placed"] == 5
    assert found["pannier_inside"] == 5
    # A worker that ended keeps what it counted and no longer has anything inside.
    os.environ[MULTIPROCESS_VARIABLE] = str(tmp_path)
    try:
        forget_worker(first)
    finally:
        del os.environ[MULTIPROCESS_VARIABLE]
    _, exposition = _worker(tmp_path, "4", "and-show")
    found = figures(exposition)
    assert (found["pannier_orders_total outcome=placed"], found["pannier_inside"]) == (9, 7)
