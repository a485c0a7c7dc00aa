"""The shop under test: a disk, two `pannier serve` on one database, and proxies on every line between them.

shoppers ── proxy ── first  (owns the embedded PostgreSQL) ── Unix socket ──┐
shoppers ── proxy ── second (has only a database URL) ── proxy ─────────────┴─ PostgreSQL, on the volume
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil

from pannier.platform.embedded import running_url
from pannier.platform.embedded.binaries import find_binaries
from pannier.platform.embedded.home import SOCKET_NAME, make_home, socket_directory
from pannier.platform.embedded.process import is_postmaster_of, read_pid_file, run
from soak import books
from soak.journal import PRICE_STEP_MINOR, SHIPPING_FREE_ABOVE_MINOR, SHIPPING_MINOR, TAX_PERCENT
from soak.proxy import Proxy
from soak.servers import ServerProcess, environment
from soak.shopper import Street
from soak.volume import DATA_DIR, Volume

START_S = 60.0
_PRODUCTS = 12
_SCARCE = 4
# Little of everything, so that a small disk is enough and a full one is noticed soon.
_LOCAL_CONF = (
    "min_wal_size = 32MB\nmax_wal_size = 64MB\ncheckpoint_timeout = 30s\nshared_buffers = 32MB\nlog_checkpoints = off\n"
)
_SHOP: dict[str, object] = {
    "tax_percent": TAX_PERCENT,
    "shipping_flat_minor": SHIPPING_MINOR,
    "shipping_free_from_minor": SHIPPING_FREE_ABOVE_MINOR,
    "shipping_free_operator": "gt",
    "stock_sweep_interval_s": 1,
    "shutdown_grace_s": 5,
    "log_level": "WARNING",
    # Everybody comes from one address here, and faster than people do.
    "rate_limits": False,
}


@dataclass(frozen=True)
class Plan:
    """How large a world is. `timeout_s` is when a client asks again; `workers` are those of each server."""

    seed: str
    shoppers: int = 8
    hold_ttl_s: float = 3.0
    timeout_s: float = 3.0
    workers: tuple[int, int] = (1, 2)
    #: Further settings of the shop.
    settings: tuple[tuple[str, object], ...] = ()
    #: Another application for the second server, as `module:factory`.
    app: str | None = None


@dataclass
class World:
    """Everything that can break, and where it is."""

    volume: Volume
    data_dir: Path
    url: str
    servers: list[ServerProcess]
    lines: list[Proxy]
    database_line: Proxy
    street: Street
    opening_stock: dict[str, int]

    def postmaster(self) -> psutil.Process | None:
        """PostgreSQL's first process, while there is one."""
        files = self.data_dir / "postgresql" / "data"
        state = read_pid_file(files)
        if state is None or not is_postmaster_of(state.pid, files.resolve()):
            return None
        return psutil.Process(state.pid)

    def backends(self) -> list[psutil.Process]:
        """PostgreSQL's processes that serve a connection."""
        postmaster = self.postmaster()
        if postmaster is None:
            return []
        return [child for child in postmaster.children() if f"{postmaster.name()}: pannier" in _title(child)]

    def postgres_processes(self) -> list[psutil.Process]:
        """All of PostgreSQL's processes."""
        postmaster = self.postmaster()
        return [] if postmaster is None else [postmaster, *postmaster.children()]

    async def whole(self) -> float:
        """Return when every process is there again and every server ready, with the moment at which it was so."""
        for server in self.servers:
            async with asyncio.timeout(START_S):
                while not server.is_whole:  # noqa: ASYNC110 # processes are looked at, they tell nobody
                    await asyncio.sleep(0.05)
            await answers(server.port)
        return asyncio.get_running_loop().time()

    def as_superuser(self, statement: str) -> bool:
        """Run a statement as PostgreSQL's own user; whether it worked."""
        home, account = make_home(self.data_dir, lambda _: None)
        psql = find_binaries(account).program("psql")
        options = ["--no-psqlrc", "--quiet", "--username=postgres", "--dbname=pannier", f"--command={statement}"]
        return run(account, [psql, *options, f"--host={socket_directory(home, account)}"]).returncode == 0


@contextlib.asynccontextmanager
async def world(volume: Volume, logs: Path, plan: Plan) -> AsyncIterator[World]:
    """The world, up and open, until the block ends."""
    data_dir = volume.path / DATA_DIR
    home, _ = make_home(data_dir, lambda _: None)
    (home.path / "local.conf").write_text(_LOCAL_CONF, encoding="utf-8")
    settings = _SHOP | {"hold_ttl_s": plan.hold_ttl_s} | dict(plan.settings)
    async with contextlib.AsyncExitStack() as stack:
        own = settings | {"data_dir": data_dir, "workers": plan.workers[0]}
        first = await stack.enter_async_context(ServerProcess("first", logs, _free_port(), own, None).kept())
        await answers(first.port)
        url = running_url(data_dir)
        assert url is not None, "the first server has started it"
        await asyncio.to_thread(_import_products, logs, own)
        sockets = parse_qs(urlsplit(url).query)["host"][0]
        database_line = await stack.enter_async_context(Proxy(f"{sockets}/{SOCKET_NAME}", is_database=True).listening())
        outside = f"postgresql://pannier@127.0.0.1:{database_line.port}/pannier?sslmode=disable"
        other = settings | {"database_url": outside, "workers": plan.workers[1]}
        second = await stack.enter_async_context(ServerProcess("second", logs, _free_port(), other, plan.app).kept())
        await answers(second.port)
        lines = [
            await stack.enter_async_context(Proxy(("127.0.0.1", server.port)).listening()) for server in (first, second)
        ]
        prices, stock = await books.opening(url)
        urls = [f"http://127.0.0.1:{line.port}" for line in lines]
        street = Street(urls, prices, plan.hold_ttl_s, plan.timeout_s, plan.seed)
        yield World(volume, data_dir, url, [first, second], lines, database_line, street, stock)


async def answers(port: int, timeout_s: float = START_S) -> None:
    """Return when the server there is ready."""
    async with asyncio.timeout(timeout_s), httpx.AsyncClient(timeout=2, trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


def _import_products(directory: Path, settings: dict[str, object]) -> None:
    """A dozen products; a few of them scarce, so that shoppers are refused and holds matter."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["Handle", "Title", "Variant SKU", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Price"]
    )
    for number in range(1, _PRODUCTS + 1):
        price_minor = 20 * PRICE_STEP_MINOR * number
        units = 30 if number <= _SCARCE else 1_000_000
        price = f"{price_minor // 100}.{price_minor % 100:02d}"
        writer.writerow([f"thing-{number}", f"Thing {number}", f"T-{number}", "shopify", units, price])
    file = directory / "products.csv"
    file.write_text(text.getvalue(), encoding="utf-8")
    command = [sys.executable, "-m", "pannier.app.cli", "import", str(file)]
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
