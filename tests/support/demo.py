"""The stock behind the demo catalogue, as the application puts it there."""

from __future__ import annotations

from pannier.app.catalogue_stock import CatalogueStock
from pannier.inventory import InventoryService
from pannier.platform.database import Database
from pannier.platform.settings import Settings


def demo_stock(db: Database, settings: Settings) -> CatalogueStock:
    return CatalogueStock(InventoryService(db, settings))
