"""The columns of Shopify's product CSV that we understand. All others are carried along untouched."""

from __future__ import annotations

from collections.abc import Sequence

HANDLE = "Handle"
TITLE = "Title"
BODY = "Body (HTML)"
VENDOR = "Vendor"
TYPE = "Type"
TAGS = "Tags"
PUBLISHED = "Published"
STATUS = "Status"
OPTION_NAMES = ("Option1 Name", "Option2 Name", "Option3 Name")
OPTION_VALUES = ("Option1 Value", "Option2 Value", "Option3 Value")
SKU = "Variant SKU"
GRAMS = "Variant Grams"
TRACKER = "Variant Inventory Tracker"
QUANTITY = "Variant Inventory Qty"
POLICY = "Variant Inventory Policy"
FULFILMENT = "Variant Fulfillment Service"
PRICE = "Variant Price"
COMPARE_AT = "Variant Compare At Price"
REQUIRES_SHIPPING = "Variant Requires Shipping"
TAXABLE = "Variant Taxable"
BARCODE = "Variant Barcode"
IMAGE = "Image Src"
IMAGE_POSITION = "Image Position"
IMAGE_ALT = "Image Alt Text"
GIFT_CARD = "Gift Card"
VARIANT_IMAGE = "Variant Image"
COST = "Cost per item"

REQUIRED = (HANDLE, TITLE, PRICE)

# In the order of Shopify's own template; what an export of a shop that never imported a file has.
STANDARD = (
    HANDLE, TITLE, BODY, VENDOR, TYPE, TAGS, PUBLISHED,
    "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value",
    SKU, GRAMS, TRACKER, QUANTITY, POLICY, FULFILMENT, PRICE, COMPARE_AT, REQUIRES_SHIPPING, TAXABLE, BARCODE,
    IMAGE, IMAGE_POSITION, IMAGE_ALT, GIFT_CARD, VARIANT_IMAGE, COST, STATUS,
)  # fmt: skip

# A row with any of these filled is a variant. The other "Variant …" columns are defaults that exporters
# also write on rows that only carry an image.
VARIANT_EVIDENCE = (*OPTION_VALUES, SKU, GRAMS, QUANTITY, PRICE, COMPARE_AT, BARCODE)
IMAGE_COLUMNS = (IMAGE, IMAGE_POSITION, IMAGE_ALT)
VARIANT_COLUMNS = frozenset(
    {*OPTION_VALUES, SKU, GRAMS, TRACKER, QUANTITY, POLICY, FULFILMENT, PRICE, COMPARE_AT, REQUIRES_SHIPPING}
    | {TAXABLE, BARCODE, VARIANT_IMAGE, "Variant Weight Unit", "Variant Tax Code", COST}
)

_FOLDED = {name.casefold(): name for name in STANDARD}


def misspelt(column: str) -> str | None:
    """The column that this one is but for case and blanks, or None.

    Taken for unknown it would lose its meaning silently.
    """
    known = _FOLDED.get(" ".join(column.split()).casefold())
    return known if known is not None and known != column else None


def union(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Both files' columns in the order in which they were first seen."""
    return list(dict.fromkeys((*first, *second)))
