"""The command line of the replay."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from bench.audit import audited
from bench.replay.booking import Booker
from bench.replay.opening import OpenedOtherwiseError, open_shop
from bench.replay.planner import CURRENCY, Invoice, Plan, make_plan
from bench.replay.progress import ReplayProgress
from bench.replay.reader import UnreadableFileError, read_folder
from bench.replay.report import Report, Tally, as_text, make_report
from bench.replay.taking_back import Taker
from pannier.cart import CartService
from pannier.checkout import CheckoutService
from pannier.inventory import InventoryService
from pannier.kernel.clock import SystemClock
from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.embedded import EmbeddedServerError, lease
from pannier.platform.migrate import upgrade
from pannier.platform.settings import Settings

EXAMPLES = """
examples:
  python bench/replay_online_retail.py ../shared/data/transactions/online-retail-2010-12
  python bench/replay_online_retail.py DIR --stock 0.5 --data-dir ./half
  python bench/replay_online_retail.py DIR --database-url postgresql://shop@localhost/replay --json

Killed and started again it goes on where it was. It ends with 0 when every invoice is an order or was refused for want
of stock and the audit is clean, with 1 when not, with 2 when the files or the database cannot be used.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the invoices of a folder, and report."""
    options = _options(arguments)
    try:
        plan = make_plan(*read_folder(options.folder))
        with _database(options) as url:
            report = asyncio.run(replay(plan, url, options))
    except (
        UnreadableFileError,
        OpenedOtherwiseError,
        EmbeddedServerError,
        DatabaseUnavailableError,
    ) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. Start it again to go on.", file=sys.stderr)
        return 130
    print(_as_json(report, plan) if options.json else as_text(report, plan))
    return 0 if report.is_complete else 1


async def replay(plan: Plan, url: str, options: argparse.Namespace) -> Report:
    """Open the shop, book every invoice, audit, and count what stands in the database."""
    settings = settings_of(url, options.concurrency)
    await upgrade(url, settings)
    started_at = time.monotonic()
    db = await Database.connect(url, settings, SystemClock())
    try:
        variants = await open_shop(db, InventoryService(db, settings), plan, options.stock)
        checkouts = CheckoutService(db, settings)
        booker = Booker(db, CartService(db, settings), checkouts, variants, is_in_order=options.stock < 1)
        done = await booker.booked_before(plan)
        todo = [invoice for invoice in plan.invoices if invoice.number not in done]
        tally = Tally(booked_before=len(plan.invoices) - len(todo))
        with ReplayProgress(len(todo), is_quiet=options.json) as progress:
            await _book_all(booker, todo, tally, progress, options.concurrency)
        tally.taken = await Taker(db, settings, checkouts.payments, variants).take_back(plan)
        seconds = time.monotonic() - started_at
        return await make_report(db, plan, tally, seconds, await audited(url))
    finally:
        await db.close()


async def _book_all(
    booker: Booker, todo: Sequence[Invoice], tally: Tally, progress: ReplayProgress, concurrency: int
) -> None:
    waiting = iter(todo)

    async def work() -> None:
        for invoice in waiting:
            refusal = await booker.book(invoice)
            if refusal is None:
                tally.booked += 1
                tally.lines += len(invoice.lines)
            else:
                tally.refused[invoice.number] = refusal
            progress.advance(len(invoice.lines))

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())


def settings_of(url: str, concurrency: int) -> Settings:
    """The shop of the file: pounds, no tax or shipping on top, no limits, everything or nothing."""
    return Settings(
        database_url=url,
        database_pool_size=max(10, concurrency + 2),
        currency=CURRENCY,
        channel="default",
        tax_percent=Decimal(0),
        shipping_flat_minor=0,
        cart_max_items=0,
        cart_max_quantity_per_item=0,
        cart_max_lines=0,
        hold_at="add",
        commit_at="order",
        short_stock="refuse",
        over_limit="refuse",
        payment_methods=("invoice",),
        checkout_requires=(),
    )


@contextlib.contextmanager
def _database(options: argparse.Namespace) -> Iterator[str]:
    if options.database_url:
        yield options.database_url
    else:
        with lease(options.data_dir) as url:
            yield url


def _as_json(report: Report, plan: Plan) -> str:
    data = dataclasses.asdict(report) | {
        "is_complete": report.is_complete,
        "products": len(plan.products),
        "findings": [dataclasses.asdict(finding) for finding in plan.findings],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python bench/replay_online_retail.py",
        description="Replay the invoices of the UCI Online Retail data as carts and orders.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with the CSV files")
    parser.add_argument("--stock", type=_share, default=Fraction(1), help="share of what the files sell (default 1)")
    parser.add_argument("--concurrency", type=_count, default=8, help="invoices at a time (default 8)")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path("replay-data"),
        help="of the embedded PostgreSQL (default ./replay-data)",
    )
    parser.add_argument("--database-url", help="a PostgreSQL to use instead of the embedded one")
    parser.add_argument("--json", action="store_true", help="print the report as JSON, with every finding")
    return parser.parse_args(arguments)


def _share(text: str) -> Fraction:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number such as 0.5") from None
    if not 0 <= share <= 1000:
        raise argparse.ArgumentTypeError("is a share from 0 to 1000")
    return share


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100")
    return int(text)
