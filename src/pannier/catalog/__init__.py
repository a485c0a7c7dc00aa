"""Products, variants and prices; files of other shops in and out."""

from pannier.catalog.browsing import ProductBrowser
from pannier.catalog.demo import seed_demo
from pannier.catalog.errors import (
    InvalidCursorError,
    ProductNotFoundError,
    ProductUnavailableError,
    VariantNotFoundError,
)
from pannier.catalog.exporting import ExportReport, export_json, export_shopify
from pannier.catalog.gifts import GiftGoods, load_gifts
from pannier.catalog.importing import ImportReport, import_json, import_shopify
from pannier.catalog.jobs import catch_up
from pannier.catalog.models import (
    Availability,
    Browse,
    Category,
    Correction,
    Listing,
    Product,
    ProductCard,
    Sort,
    Variant,
)
from pannier.catalog.ports import ListPrice, ShelfPrices, Stock, StockChange, StockLevel
from pannier.catalog.price_history import PriceHistory
from pannier.catalog.price_history_api import router as price_history_router
from pannier.catalog.price_list_api import admin_router as admin_price_list_router
from pannier.catalog.price_lists import PriceListService
from pannier.catalog.repository import known_variants
from pannier.catalog.service import CatalogService, Cause
from pannier.catalog.shopify.models import ImportOptions, Progress
from pannier.kernel.findings import Finding, Findings

__all__ = [
    "Availability",
    "Browse",
    "CatalogService",
    "Category",
    "Cause",
    "Correction",
    "ExportReport",
    "Finding",
    "Findings",
    "GiftGoods",
    "ImportOptions",
    "ImportReport",
    "InvalidCursorError",
    "ListPrice",
    "Listing",
    "PriceHistory",
    "PriceListService",
    "Product",
    "ProductBrowser",
    "ProductCard",
    "ProductNotFoundError",
    "ProductUnavailableError",
    "Progress",
    "ShelfPrices",
    "Sort",
    "Stock",
    "StockChange",
    "StockLevel",
    "Variant",
    "VariantNotFoundError",
    "admin_price_list_router",
    "catch_up",
    "export_json",
    "export_shopify",
    "import_json",
    "import_shopify",
    "known_variants",
    "load_gifts",
    "price_history_router",
    "seed_demo",
]
