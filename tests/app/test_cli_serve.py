"""`pannier serve` as a person starts it: a real shop, with commands that work beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.command import environment, pannier, start_pannier
from tests.support.embedded import open_directory


class Shop:
    """A shop that was started from an empty directory, and what it said then."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.process = start_pannier("serve", "--port", "0", "--data-dir", self.data_dir, *options, cwd=directory)
        self.welcome = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.welcome += line
            if line == "\n" and "Address" in self.welcome:
                break
        found = re.search(r"Address +(\S+)", self.welcome)
        assert found, self.process.stderr.read() if self.process.stderr else ""
        self.url = found[1]

    def stop(self) -> tuple[int, str]:
        """Ctrl+C; the exit code, and what it had said on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stderr


@contextlib.contextmanager
def shop(directory: Path, *options: str) -> Iterator[Shop]:
    started = Shop(directory, *options)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with open_directory() as path:
        yield path


@pytest.fixture(scope="module")
def running(directory: Path) -> Iterator[Shop]:
    with shop(directory, "--demo") as started:
        yield started


def test_the_welcome_tells_where_what_and_what_next(running: Shop) -> None:
    for word in (
        "Pannier 0.1.0 is open.",
        "./data (embedded PostgreSQL",
        "Ctrl+C",
        f"open {running.url}\n",
        "/api/v1/docs",
        "code WELCOME10",
        "gift card DEMO-GIFT-2026",
    ):
        assert word in running.welcome
    assert httpx.get(f"{running.url}/api/v1/docs").status_code == 200
    assert httpx.get(f"{running.url}/health/ready").json()["status"] == "ok"


def test_the_lines_of_the_welcome_add_to_the_cart(running: Shop) -> None:
    lines = [line.strip() for line in running.welcome.splitlines() if "curl" in line]
    add = shlex.split(next(line for line in lines if "cart/items" in line))
    header, body = add[add.index("-H") + 1], add[add.index("-d") + 1]
    name, _, value = header.partition(": ")
    with httpx.Client() as client:
        added = client.post(add[-1], content=body, headers={name: value})
        assert added.status_code == 200, added.text
        cart = client.get(shlex.split(lines[-1])[-1]).json()
    assert cart["items"][0]["variant_id"] == json.loads(body)["variant_id"]
    assert cart["totals"]["total"]["amount"] > 0


def test_commands_work_while_the_shop_is_open(running: Shop) -> None:
    listed = pannier("stock", "list", "--json", "--data-dir", running.data_dir)
    assert listed.code == 0, listed.stderr
    variant = listed.json[0]["id"]
    assert pannier("stock", "receive", variant, 1, "--data-dir", running.data_dir).code == 0
    assert pannier("audit", "--data-dir", running.data_dir).code == 0
    looked = pannier("doctor", "--json", "--data-dir", running.data_dir, port=running.url.rpartition(":")[2])
    told = {finding["about"]: finding["found"] for finding in looked.json["findings"]}
    assert looked.code == 0, looked.stdout
    assert "a Pannier answers on port" in told["port"]
    assert told["database"].endswith("is running")


def test_a_second_shop_on_the_same_data_or_port_is_refused(running: Shop, directory: Path) -> None:
    same_data = pannier("serve", "--data-dir", running.data_dir, port=0)
    same_port = pannier("serve", "--port", running.url.rpartition(":")[2], "--data-dir", directory / "other")

    assert same_data.code == same_port.code == 1
    assert f"process {running.process.pid} runs the database" in same_data.stderr
    assert "is taken by another program" in same_port.stderr
    assert not (directory / "other").exists()


def test_it_stops_in_order_and_starts_again_with_what_it_had() -> None:
    with open_directory() as directory:
        with shop(directory, "--demo", "--workers", "2") as first:
            products = pannier("stock", "list", "--json", "--data-dir", first.data_dir).json
            code, stderr = first.stop()
        with shop(directory, "--demo") as second:
            assert pannier("stock", "list", "--json", "--data-dir", second.data_dir).json == products

    assert code == 0
    assert "2 processes" in first.welcome
    assert "Put 12 demo products into the shop." in stderr
    assert "alembic" not in stderr
    assert "Traceback" not in stderr


def test_products_without_a_price_in_the_shop_s_currency_are_not_taken_for_none(
    database_url: str, tmp_path: Path
) -> None:
    pannier("seed", database_url=database_url, currency="EUR")

    process = start_pannier("serve", "--port", "0", cwd=tmp_path, database_url=database_url, currency="JPY")
    assert process.stdout is not None
    last = next(line for line in process.stdout if "pannier stock list" in line or "pannier seed" in line)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert "no price in JPY" in last


def test_an_import_that_is_interrupted_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    file = large_file(tmp_path)
    process = start_pannier("import", file, cwd=tmp_path, database_url=database_url)
    assert process.stderr is not None
    assert process.stderr.readline().endswith(" kB\n")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert stdout == ""
    assert "Stopped. Nothing of the file was imported." in stderr
    assert "Traceback" not in stderr
    assert pannier("stock", "list", "--json", database_url=database_url).json == []


def test_on_a_terminal_there_is_a_bar(database_url: str, tmp_path: Path) -> None:
    file = large_file(tmp_path, megabytes=3)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "pannier", "import", file],
        env=environment(database_url=database_url) | {"TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    stdout, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert b"products" in stdout
    assert "━".encode() in shown
    assert b"Storing" in shown


@pytest.mark.parametrize(
    "log_format, expected",
    [("auto", r"\d\d:\d\d:\d\d GET /none 404 \(request [^)]+\)"), ("json", r'\{"ts":.*"GET /none 404".*\}')],
)
def test_on_a_terminal_the_log_is_for_people_unless_told_otherwise(
    log_format: str, expected: str, database_url: str, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "pannier", "serve", "--port", "0"],
        env=environment(database_url=database_url, access_log="all", log_format=log_format),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    assert process.stdout is not None
    url = next(line.split()[1] for line in process.stdout if line.strip().startswith("Address"))
    assert httpx.get(f"{url}/none").status_code == 404
    process.send_signal(signal.SIGINT)
    said = b""
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 65536):
            said += piece
    os.close(ours)
    process.communicate(timeout=60)
    assert any(re.fullmatch(expected, line) for line in said.decode().splitlines()), said


def large_file(directory: Path, *, megabytes: int = 25) -> Path:
    """A good file of that size: a few products with long descriptions."""
    file = directory / "large.csv"
    with file.open("w", encoding="utf-8") as out:
        out.write(
            "Handle,Title,Body (HTML),Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n"
        )
        for number in range(megabytes * 100):
            out.write(f"p-{number},Product {number},{'words ' * 1_700},SKU-{number},shopify,5,9.99\n")
    return file
