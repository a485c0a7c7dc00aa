"""The search of 100,000 variants over HTTP: words, beginnings, slips, filters, deep pages."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import httpx

from bench import generate_catalogue
from bench.models import Bar, Measurement
from bench.postgres import Server
from pannier.app.catalogue_stock import CatalogueStock
from pannier.catalog import ImportOptions, import_shopify
from pannier.inventory import InventoryService
from pannier.kernel.clock import SystemClock
from pannier.platform.database import Database
from pannier.platform.migrate import upgrade
from pannier.platform.settings import Settings

DATABASE = "search"
VARIANTS = 100_000
#: Shoppers at once: each waits for his answer before he asks again.
CLIENTS = 2
P95_MAX_MS = 50.0
_BYTES_MAX = 200_000_000

Query = Mapping[str, object]
SEARCHES: Mapping[str, tuple[Query, ...]] = {
    "words": tuple({"q": q} for q in ("lamp", "oak table", "cashmere", "headphones", "crystal bowl", "black")),
    "beginnings": tuple({"q": q} for q in ("lam", "brass la", "head", "oak ta", "LIG-00", "turq")),
    "slips": tuple({"q": q} for q in ("lmap", "hedphones", "braas lamp", "turqoise", "kettel", "cristal bowl")),
    "filters": (
        {"category": "lighting", "in_stock": True, "sort": "price"},
        {"on_sale": True, "sort": "newest"},
        {"price_min": 1000, "price_max": 2000},
        {"q": "table", "in_stock": True, "on_sale": True},
        {"option": ["Colour=Black", "Size=M"]},
        {"in_stock": True, "sort": "name"},
        {"price_min": 300_000},
    ),
    "deep pages": ({}, {"sort": "price"}, {"sort": "newest"}, {"sort": "name"}, {"q": "oak"}),
}


def make(server: Server) -> str:
    """Import the generated catalogue into a database of its own; answers its address."""
    server.run_script("postgres", f"create database {DATABASE}")
    url = server.url(DATABASE)
    asyncio.run(_import(url))
    return url


async def _import(url: str) -> None:
    settings = Settings(database_url=url)
    await upgrade(url, settings)
    text = io.StringIO()
    generate_catalogue.write(text, VARIANTS)
    db = await Database.connect(url, settings, SystemClock())
    try:
        stock = CatalogueStock(InventoryService(db, settings))
        options = ImportOptions(currency=settings.currency, bytes_max=_BYTES_MAX)
        report = await import_shopify(db, stock, text.getvalue().encode(), options=options)
        if report.outcome != "imported":
            raise RuntimeError(f"The generated catalogue was {report.outcome}: {report.to_dict()}")
    finally:
        await db.close()


def measure(address: str, seconds: float, told: Callable[[Measurement], None]) -> list[Measurement]:
    """Each kind of search for so long, after one round of it. RuntimeError for any answer but 200."""
    found = []
    for kind, queries in SEARCHES.items():
        measured = asyncio.run(_measure(address, kind, queries, seconds))
        told(measured)
        found.append(measured)
    return found


def bars_of(measured: list[Measurement]) -> list[Bar]:
    """Whether each kind answers soon enough."""
    return [
        Bar(f"{each.name} at {CLIENTS} clients, p95", f"< {P95_MAX_MS:g} ms", f"{each.p95_ms:.1f} ms",
            each.p95_ms < P95_MAX_MS)
        for each in measured if each.p95_ms is not None
    ]  # fmt: skip


async def _measure(address: str, kind: str, queries: tuple[Query, ...], seconds: float) -> Measurement:
    clock = asyncio.get_running_loop().time
    latencies: list[float] = []
    async with httpx.AsyncClient(base_url=address, timeout=30) as http:
        for query in queries:
            await _ask(http, query, None)
        begin = clock()

        async def shopper(number: int) -> None:
            cursors: dict[int, str | None] = {}
            turn = number
            while clock() - begin < seconds:
                place = turn % len(queries)
                asked = clock()
                cursor = await _ask(http, queries[place], cursors.get(place))
                latencies.append((clock() - asked) * 1000)
                if kind == "deep pages":
                    cursors[place] = cursor
                turn += 1

        await asyncio.gather(*(shopper(number) for number in range(CLIENTS)))
        took = clock() - begin
    latencies.sort()
    p50, p95, p99 = (latencies[min(len(latencies) - 1, int(len(latencies) * part))] for part in (0.5, 0.95, 0.99))
    return Measurement(
        name=f"search: {kind}", clients=CLIENTS, seconds=round(took, 3), requests=len(latencies),
        per_second=len(latencies) / took, mean_ms=sum(latencies) / len(latencies), p50_ms=p50, p95_ms=p95, p99_ms=p99,
        max_ms=latencies[-1],
    )  # fmt: skip


async def _ask(http: httpx.AsyncClient, query: Query, cursor: str | None) -> str | None:
    asked = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
    answer = await http.get(f"/api/v1/products?{urlencode(asked | ({'cursor': cursor} if cursor else {}), doseq=True)}")
    if answer.status_code != 200:
        raise RuntimeError(f"{query}: {answer.status_code} {answer.text[:500]}")
    following: str | None = answer.json()["next_cursor"]
    return following
