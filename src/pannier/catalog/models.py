"""Products as the shop keeps and shows them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from pannier.catalog.shopify.models import FileProduct, FileVariant, Options, Status

__all__ = [
    "Availability",
    "AvailabilityStatus",
    "Browse",
    "Category",
    "Correction",
    "Image",
    "Listing",
    "MergedVariant",
    "NewProduct",
    "NewVariant",
    "Page",
    "PriceTier",
    "Product",
    "ProductCard",
    "Sort",
    "Status",
    "StoredProduct",
    "StoredVariant",
    "Variant",
]


Sort = Literal["relevance", "featured", "newest", "price", "price-desc", "name"]
AvailabilityStatus = Literal["in_stock", "low_stock", "out_of_stock", "unavailable"]


@dataclass(frozen=True, slots=True)
class StoredVariant:
    """A variant with its values of now; `values.row` is the row of the import that brought it, if one did."""

    id: uuid.UUID
    values: FileVariant
    is_active: bool


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product with its values of now and the rows of the import that brought it, none if the staff made it.

    `values.variants` are the active ones that have a price; `variants` are all.
    """

    id: uuid.UUID
    version: int
    values: FileProduct
    variants: tuple[StoredVariant, ...]


@dataclass(frozen=True, slots=True)
class MergedVariant:
    """What a variant is to be.

    `id` None is a new one; `quantity_change` are units to book, if the stock changes.
    """

    id: uuid.UUID | None
    values: FileVariant
    is_active: bool
    sets_stock: bool
    quantity_change: int


@dataclass(frozen=True, slots=True)
class Image:
    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class NewVariant:
    """A variant to be made. Not tracked and without a quantity it is not counted and never sold out.

    `price_minor` None: it has no price yet, so it is shown and cannot be bought.
    """

    price_minor: int | None
    compare_at_minor: int | None = None
    options: Options = ()
    sku: str | None = None
    barcode: str | None = None
    weight_g: int | None = None
    image_url: str | None = None
    requires_shipping: bool = True
    is_taxable: bool = True
    quantity_max: int | None = None
    quantity: int | None = None
    is_tracked: bool = True
    #: No promotion or price rule takes a unit below it.
    floor_minor: int | None = None


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to be made. Without a slug it gets one from its name.

    `categories` are names, beside that of its type; `channels` None is all of them.
    """

    name: str
    variants: tuple[NewVariant, ...]
    slug: str | None = None
    description: str = ""
    vendor: str = ""
    product_type: str = ""
    status: Status = "active"
    is_published: bool = True
    tags: tuple[str, ...] = ()
    tax_category: str = "standard"
    images: tuple[Image, ...] = ()
    categories: tuple[str, ...] = ()
    shipping_category: str | None = None
    channels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What can be had now. `available` None is without bound."""

    status: AvailabilityStatus
    available: int | None


@dataclass(frozen=True, slots=True)
class PriceTier:
    """What a unit costs when at least `units` of the variant are bought together."""

    units: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Variant:
    """`amount_minor` None: not for sale in this currency. `quantity_max` is the most units per order.

    `tiers` are those that lower the price, the fewest units first. `lowest_minor` is the lowest price of the 30 days
    before the present one; a variant that is not on sale has none.
    """

    id: uuid.UUID
    sku: str | None
    barcode: str | None
    options: Options
    amount_minor: int | None
    compare_at_minor: int | None
    weight_g: int | None
    image_url: str | None
    requires_shipping: bool
    is_taxable: bool
    is_active: bool
    is_sellable: bool
    quantity_max: int | None
    availability: Availability
    tiers: tuple[PriceTier, ...] = ()
    lowest_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """One product in full. `description` is HTML as it was given: clean it before showing it."""

    id: uuid.UUID
    slug: str
    name: str
    summary: str
    description: str
    vendor: str
    product_type: str
    status: Status
    is_published: bool
    tags: tuple[str, ...]
    tax_category: str
    channels: tuple[str, ...] | None
    categories: tuple[str, ...]
    images: tuple[Image, ...]
    variants: tuple[Variant, ...]
    currency: str
    version: int


@dataclass(frozen=True, slots=True)
class ProductCard:
    """A product as a list shows it: the lowest price of its variants, and that one's former price."""

    id: uuid.UUID
    slug: str
    name: str
    summary: str
    vendor: str
    status: Status
    is_published: bool
    tags: tuple[str, ...]
    category: str | None
    image_url: str | None
    image_alt: str
    variant_count: int
    default_variant_id: uuid.UUID | None
    amount_minor: int | None
    amount_max_minor: int | None
    compare_at_minor: int | None
    currency: str
    availability: Availability


@dataclass(frozen=True, slots=True)
class Page:
    """Some products, and where the next page begins: None at the end."""

    products: tuple[ProductCard, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Browse:
    """What a shopper wants to see. All of these must hold; of several categories or tags any will do, and of several
    values of one option, which are written `name=value`. Prices are in minor units of the shop's currency.

    `sort` relevance without a `text` is the order of the catalogue (featured).
    """

    text: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    on_sale: bool = False
    sort: Sort = "featured"


@dataclass(frozen=True, slots=True)
class Category:
    """A category with something on show."""

    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A word that was looked for, and those that were found in its place, the likeliest first."""

    word: str
    used: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of what was looked for. `is_wordless`: the text had no letter and no digit, so nothing was looked for.

    `words` are those of the text as the search understood them, corrected ones replaced by the likeliest.
    """

    products: tuple[ProductCard, ...]
    next_cursor: str | None
    words: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    is_wordless: bool = False
