"""Prometheus metrics: one registry per application, or one sum over all workers.

With `PROMETHEUS_MULTIPROC_DIR` in the environment before this module is imported, every value lives
in a file of that directory and whichever worker answers `/metrics` answers for all of them. The one
who starts the workers makes the directory, empties it first, and calls `forget_worker` for each
that ended. The files know nothing of applications: two of them in one process share their figures
in that mode, so it is for `pannier serve`, which has one.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
REFRESH_INTERVAL_S = 1.0

_DURATION_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


class RouteMetrics:
    """Count and duration of one method at one route; labels are looked up once per status class."""

    __slots__ = ("_by_class", "_labels", "_owner")

    def __init__(self, owner: Metrics, route: str, method: str) -> None:
        self._owner = owner
        self._labels = (route, method)
        self._by_class: dict[int, tuple[Callable[[], None], Callable[[float], None]]] = {}

    def observe(self, status: int, duration_s: float) -> None:
        """Book one answer."""
        kind = status // 100
        bound = self._by_class.get(kind)
        if bound is None:
            labels = (*self._labels, f"{kind}xx")
            bound = self._owner.requests.labels(*labels).inc, self._owner.duration.labels(*labels).observe
            self._by_class[kind] = bound
        bound[0]()
        bound[1](duration_s)


class _Followed:
    def __init__(self, counter: Counter, read: Callable[[], float]) -> None:
        self._counter = counter
        self._read = read
        self._seen = 0.0

    def catch_up(self) -> None:
        now = self._read()
        # What is followed may start over with the services it belongs to.
        self._counter.inc(now - self._seen if now >= self._seen else now)
        self._seen = now


class Metrics:
    """All figures of one application. Counters are incremented where the thing happens."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._routes: dict[tuple[str, str], RouteMetrics] = {}
        self._readings: list[tuple[Gauge, Callable[[], float]]] = []
        self._followed: list[_Followed] = []
        route_labels = ["route", "method", "status"]
        self.requests = self.counter("http_requests", "HTTP requests answered.", route_labels)
        self.duration = self._histogram(
            "http_request_duration_seconds",
            "From the first look at a request to its last byte.",
            route_labels,
            _DURATION_BUCKETS_S,
        )
        self.batch_size = self._histogram(
            "batch_size", "Requests that shared one statement.", ["batcher"], _BATCH_BUCKETS
        )
        self.job_runs = self.counter("job_runs", "Runs of background jobs.", ["job", "outcome"])
        self.cart_adds = self.counter("cart_adds", "Lines asked to be added to carts.", ["outcome"])
        self.holds = self.counter("stock_holds", "Holds on stock, by what became of them.", ["outcome"])
        self.orders = self.counter("orders", "Orders, by what became of them.", ["outcome"])

    def counter(self, name: str, text: str, labels: list[str] | None = None) -> Counter:
        """A new counter `pannier_<name>_total`."""
        return Counter(f"pannier_{name}", text, labels or [], registry=self.registry)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge `pannier_<name>` that is read when somebody looks; workers' figures add up."""
        gauge = Gauge(f"pannier_{name}", text, registry=self.registry, multiprocess_mode="livesum")
        self._readings.append((gauge, read))

    def follow(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A counter `pannier_<name>_total` of what keeps its own count; read when somebody looks."""
        self._followed.append(_Followed(self.counter(name, text), read))

    def _histogram(self, name: str, text: str, labels: list[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"pannier_{name}", text, labels, registry=self.registry, buckets=buckets)

    def route(self, template: str, method: str) -> RouteMetrics:
        """The figures of one route template; an unknown method is `OTHER`, so that labels stay few."""
        key = (template, method if method in _METHODS else "OTHER")
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = RouteMetrics(self, *key)
        return found

    def refresh(self) -> None:
        """Read the gauges; each worker does so every REFRESH_INTERVAL_S, for the others to see."""
        for gauge, read in self._readings:
            gauge.set(read())
        for followed in self._followed:
            followed.catch_up()

    def exposition(self) -> bytes:
        """The answer of `/metrics`, in the text format `CONTENT_TYPE` names."""
        self.refresh()
        if not is_multiprocess():
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call] # it ships half its types
        return generate_latest(everybody)


def is_multiprocess() -> bool:
    """Whether figures are summed over workers."""
    return MULTIPROCESS_VARIABLE in os.environ


def forget_worker(pid: int) -> None:
    """Take the gauges of a worker that ended out of the sum; its counters stay, they happened."""
    if is_multiprocess():
        mark_process_dead(pid)  # type: ignore[no-untyped-call] # it ships half its types
