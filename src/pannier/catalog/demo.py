"""A catalogue to look around with: `pannier seed`, `pannier serve --demo`."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from pannier.catalog.importing import ImportReport, import_shopify
from pannier.catalog.ports import Stock
from pannier.catalog.shopify.models import ImportOptions
from pannier.kernel.money import minor_digits

if TYPE_CHECKING:
    from pannier.platform.database import Database


async def seed_demo(db: Database, stock: Stock, *, currency: str) -> ImportReport | None:
    """Put the demo products into a shop without products; None, and nothing done, where there are some."""
    async with db.read() as connection:
        if await connection.fetchval("select exists (select 1 from product)"):
            return None
    data = files("pannier.catalog").joinpath("demo.csv").read_bytes()
    if minor_digits(currency) == 0:
        # Its prices have cents, which this currency has not.
        data = data.replace(b".00,", b",").replace(b".50,", b",")
    return await import_shopify(db, stock, data, options=ImportOptions(currency=currency), actor="demo")
