"""The replay end to end on a small folder: real services, a real database, and a process that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import asyncpg

from bench.replay.planner import Plan, make_plan, refused_of
from bench.replay.reader import read_folder
from bench.replay.returns import Back, Return
from tests.support.waiting import wait_until_async

_SCRIPT = Path(__file__).parents[2] / "bench" / "replay_online_retail.py"
_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
_CODES = ("85123A", "85123a", "22423", "POST", "DOT", "71053")


def make_folder(folder: Path, invoices: int) -> Plan:
    """Invoices of up to six codes, some at two prices; with a cancellation, an adjustment and a write-off."""
    folder.mkdir()
    rows = []
    for n in range(invoices):
        for k, code in enumerate(_CODES[: 1 + n % len(_CODES)]):
            rows.append(f"{536365 + n},{code},THING {code},{1 + (n * 7 + k * 3) % 150},2010-12-01 08:26:00,{k}.25,,UK")
        if n % 5 == 0:
            rows.append(f"{536365 + n},85123A,THING,2,2010-12-01 08:26:00,1.95,,UK")
    # One unit that was never sold at that price; two of those that Jane bought, of her newest order first.
    rows += ["C536379,85123A,THING,-1,2010-12-01 09:41:00,2.55,,UK", "C536380,D,Discount,-1,2010-12-01,27.50,14527,UK"]
    rows += [f"{n},JANE,HERS,{units},2010-12-01 10:00:00,4.00,17,UK" for n, units in ((537001, 5), (537002, 1))]
    rows += ["C537003,JANE,HERS,-3,2010-12-02 10:00:00,4.00,17,UK", "A563185,B,Adjust bad debt,1,,11062.06,,UK"]
    rows += ["536999,22423,lost,-9,2010-12-02 08:26:00,0,,UK"]
    (folder / "2010-12-01.csv").write_text(_HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return make_plan(*read_folder(folder))


def command(folder: Path, url: str, *options: str) -> list[str]:
    return [sys.executable, str(_SCRIPT), str(folder), "--database-url", url, "--json", *options]


def ended(folder: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
    return subprocess.run(command(folder, url, *options), capture_output=True, text=True, env=environment, check=False)


def run(folder: Path, url: str, *options: str) -> dict[str, Any]:
    done = ended(folder, url, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def begun(folder: Path, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(folder, url), stdout=subprocess.DEVNULL)


async def orders_of(url: str) -> dict[str, int]:
    """Total by external reference."""
    connection = await asyncpg.connect(url)
    try:
        return {r[0]: r[1] for r in await connection.fetch("select external_reference, total_minor from orders")}
    finally:
        await connection.close()


async def test_every_invoice_becomes_the_order_of_its_amount(tmp_path: Path, database_url: str) -> None:
    plan = make_folder(tmp_path / "files", 12)

    report = run(tmp_path / "files", database_url)

    assert await orders_of(database_url) == {invoice.number: invoice.total_minor for invoice in plan.invoices}
    assert (report["orders"], report["total"]["amount"], report["units"]) == (14, plan.total_minor, plan.units)
    assert (report["cancellations"], len(report["adjustments"]), report["rows"]["write_off"]) == (3, 1, 1)
    assert report["net"]["amount"] == plan.net_minor == plan.total_minor - 3 * 400 - 255 - 2750
    taken = report["taken"]
    assert (taken["returns"], taken["returned_minor"], taken["returned_units"]) == (2, 1200, 3)
    assert (taken["adjusted_minor"], taken["adjusted_units"], taken["written_off_units"]) == (3005, 2, 9)
    assert report["audit"] == "clean"


async def test_a_second_run_books_nothing(tmp_path: Path, database_url: str) -> None:
    make_folder(tmp_path / "files", 6)
    run(tmp_path / "files", database_url)
    before = await orders_of(database_url)

    report = run(tmp_path / "files", database_url)

    assert (report["booked_now"], report["booked_before"]) == (0, 8)
    assert await orders_of(database_url) == before
    assert report["net"] == report["expected_net"]
    connection = await asyncpg.connect(database_url)
    moves = "select count(*) from stock_movement where kind = 'adjust'"
    assert (await connection.fetchval("select count(*) from order_return"), await connection.fetchval(moves)) == (2, 3)
    await connection.close()


async def test_killed_and_started_again_it_books_nothing_twice(tmp_path: Path, database_url: str) -> None:
    plan = make_folder(tmp_path / "files", 400)
    connection = await asyncpg.connect(database_url)
    process = begun(tmp_path / "files", database_url)
    booked = 0

    async def has_begun() -> None:
        nonlocal booked
        while booked < 20:
            assert process.poll() is None
            booked = await connection.fetchval("select count(*) from orders")

    await has_begun()
    process.send_signal(signal.SIGKILL)
    await wait_until_async(lambda: process.poll() is not None)
    await connection.close()

    report = run(tmp_path / "files", database_url)

    assert 20 <= report["booked_before"] < 402
    assert report["booked_now"] == 402 - report["booked_before"]
    assert await orders_of(database_url) == {invoice.number: invoice.total_minor for invoice in plan.invoices}
    assert report["audit"] == "clean"


async def test_with_half_the_stock_the_same_invoices_are_refused_every_time(tmp_path: Path, database_url: str) -> None:
    plan = make_folder(tmp_path / "files", 60)
    expected = refused_of(plan, Fraction(1, 2))
    assert 0 < len(expected) < 62

    report = run(tmp_path / "files", database_url, "--stock", "0.5")
    again = run(tmp_path / "files", database_url, "--stock", "0.5")

    assert sorted(report["refused"]) == sorted(again["refused"]) == sorted(expected)
    assert report["orders"] == 62 - len(expected)
    assert report["audit"] == again["audit"] == "clean"
    connection = await asyncpg.connect(database_url)
    left = {r[0]: (r[1], r[2]) for r in await connection.fetch(
        "select v.sku, s.on_hand, s.held from stock s join variant v on v.id = s.variant_id")}  # fmt: skip
    await connection.close()
    sold = dict.fromkeys(plan.products, 0)
    for invoice in plan.invoices:
        for line in invoice.lines:
            sold[line.code] += 0 if invoice.number in expected else line.quantity
    backs: list[Return | Back] = [*plan.returns, *plan.never_sold]
    for back in backs:
        sold[back.code] -= 0 if getattr(back, "invoice", None) in expected else back.quantity
    for off in plan.write_offs:
        sold[off.code] += off.quantity
    assert left == {code: (p.opening_stock(Fraction(1, 2)) - sold[code], 0) for code, p in plan.products.items()}


def test_files_that_are_no_invoices_are_refused_before_anything_is_stored(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Invoice,StockCode\n1,A\n")

    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(tmp_path), "--data-dir", str(tmp_path / "data")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "a.csv has no column" in done.stderr
    assert not (tmp_path / "data").exists()


async def test_another_share_of_the_stock_is_refused_on_a_database_that_is_open(
    tmp_path: Path, database_url: str
) -> None:
    make_folder(tmp_path / "files", 2)
    run(tmp_path / "files", database_url)

    done = ended(tmp_path / "files", database_url, "--stock", "2")

    assert done.returncode == 2
    assert "--stock" in done.stderr


async def test_an_invoice_with_a_row_nobody_can_read_is_told_by_the_exit_code(
    tmp_path: Path, database_url: str
) -> None:
    make_folder(tmp_path / "files", 2)
    (tmp_path / "files" / "b.csv").write_text(_HEADER + "536400,A,x,many,2010-12-01,2.55,,UK\n")

    done = ended(tmp_path / "files", database_url)

    assert done.returncode == 1
    assert json.loads(done.stdout)["incomplete"] == ["536400"]
    assert len(await orders_of(database_url)) == 4
