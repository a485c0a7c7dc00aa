"""Products on the wire: what staff send, and the documents that everybody gets."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pannier.catalog.models import Status
from pannier.kernel.money import AMOUNT_MAX

# PostgreSQL's text has no NUL, and an index entry no more than 2,704 bytes.
_LINE = r"^[^\x00-\x1f\x7f]*$"
Line = Annotated[str, StringConstraints(pattern=_LINE, max_length=255)]
FilledLine = Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=255, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=500_000)]
Slug = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x20\x7f/?#%\\]+$", max_length=255), Field(examples=["black-lamp"])
]
Minor = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="Minor units of the currency.")]
ShippingCategory = Annotated[
    str,
    StringConstraints(pattern=_LINE, min_length=1, max_length=63),
    Field(description="What shipping methods may be limited to or by."),
]
OptionText = Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=100, strip_whitespace=True)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Closed):
    """An amount in minor units, and as a person reads it, without a symbol: 1599 of USD is "15.99"."""

    amount: int
    currency: str
    formatted: str


class Stock(_Closed):
    """What can be had now; `available` null is without bound."""

    status: Literal["in_stock", "low_stock", "out_of_stock", "unavailable"]
    available: int | None


class ImageDocument(_Closed):
    """A picture: its address, and what it shows in words."""

    url: str
    alt: str


class _Asked(_Closed):
    # "1599" and true are no amounts, whatever pydantic could make of them.
    model_config = ConfigDict(strict=True)


class NewImage(_Asked):
    """A picture to be shown: an address of the web, or a path of this shop."""

    url: Annotated[str, StringConstraints(pattern=_LINE, min_length=1, max_length=2_000)]
    alt: Line = ""


class PriceTierDocument(_Closed):
    """What a unit costs from a number of units on, and what that saves on each beside the `price` of one."""

    quantity_min: int
    price: Price
    saved: Price


class VariantDocument(_Closed):
    """One of the things that can be put into a cart. `price` null: not sold in this currency.

    `lowest_price` is the lowest of the 30 days before the present price, where that is a reduction and one is known.
    """

    id: uuid.UUID
    sku: str | None
    barcode: str | None
    options: dict[str, str]
    price: Price | None
    compare_at_price: Price | None
    on_sale: bool
    lowest_price: Price | None
    price_tiers: list[PriceTierDocument]
    weight_g: int | None
    image: str | None
    requires_shipping: bool
    taxable: bool
    active: bool
    sellable: bool
    max_quantity: int | None
    availability: Stock


class ProductDocument(_Closed):
    """A product in full. `description` is HTML as the shop's staff gave it: clean it before showing it."""

    id: uuid.UUID
    slug: str
    name: str
    summary: str
    description: str
    vendor: str
    type: str
    status: Status
    published: bool
    tags: list[str]
    tax_category: str
    channels: list[str] | None
    categories: list[str]
    images: list[ImageDocument]
    options: dict[str, list[str]]
    variants: list[VariantDocument]
    currency: str
    version: int


class ProductCardDocument(_Closed):
    """A product in a list: `price` is the lowest of its variants', `price_max` the highest."""

    id: uuid.UUID
    slug: str
    name: str
    summary: str
    vendor: str
    status: Status
    published: bool
    tags: list[str]
    category: str | None
    image: ImageDocument | None
    variant_count: int
    default_variant_id: uuid.UUID | None
    price: Price | None
    price_max: Price | None
    compare_at_price: Price | None
    on_sale: bool
    availability: Stock


class ProductPage(_Closed):
    """One page of products; `next_cursor` null is the end."""

    products: list[ProductCardDocument]
    next_cursor: str | None


class CorrectionDocument(_Closed):
    """A word that nothing has, and the words that were looked for in its place, the likeliest first."""

    word: str
    used: list[str]


class SearchMessage(_Closed):
    """Something that whoever looked for it should know."""

    type: Literal["info", "warning"]
    code: Literal["SEARCH_CORRECTED", "SEARCH_WITHOUT_WORDS"]
    text: str


class ProductListing(_Closed):
    """One page of what was looked for; `next_cursor` null is the end.

    `corrected` is not empty where other words were looked for than were asked for; `messages` says so in a sentence.
    """

    products: list[ProductCardDocument]
    next_cursor: str | None
    corrected: list[CorrectionDocument]
    messages: list[SearchMessage]


class VariantStock(_Closed):
    """A variant's stock."""

    variant_id: uuid.UUID
    sku: str | None
    options: dict[str, str]
    availability: Stock


class ProductStock(_Closed):
    """Live stock of all variants of a product."""

    product_id: uuid.UUID
    availability: Stock
    variants: list[VariantStock]


Categories = Annotated[
    list[FilledLine],
    Field(max_length=50, description="Names, beside that of its type. Those there are none of are made."),
]
Channels = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]],
    Field(max_length=50, description="Sales channels in which it is sold; null is all of them."),
]


class NewVariantBody(_Asked):
    """A variant to be made. Without `quantity` and `tracked` it is not counted and never sold out.

    `price` null: it has no price yet, so it is shown and cannot be bought. `floor`: no promotion and no price rule
    takes a unit below it.
    """

    sku: FilledLine | None = None
    barcode: FilledLine | None = None
    options: Annotated[
        # The keys' pattern becomes `patternProperties`, which alone says nothing of keys that do not match.
        dict[OptionText, OptionText], Field(max_length=10, json_schema_extra={"additionalProperties": False})
    ] = {}
    price: Minor | None
    compare_at_price: Minor | None = None
    weight_g: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    image: FilledLine | None = None
    requires_shipping: bool = True
    taxable: bool = True
    max_quantity: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    floor: Minor | None = None
    quantity: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    tracked: bool = True


class NewProductBody(_Asked):
    """A product to be made, with one variant at least. Without a slug it gets one from its name."""

    name: FilledLine
    slug: Slug | None = None
    description: Text = ""
    vendor: Line = ""
    type: Line = ""
    status: Status = "active"
    published: bool = True
    tags: Annotated[list[FilledLine], Field(max_length=250)] = []
    tax_category: Line = "standard"
    categories: Categories = []
    shipping_category: ShippingCategory | None = None
    channels: Channels | None = None
    images: Annotated[list[NewImage], Field(max_length=250)] = []
    variants: Annotated[list[NewVariantBody], Field(min_length=1, max_length=2_000)]


def _never_null(*names: str) -> Callable[[dict[str, Any]], None]:
    """For the schema of changes: None is the default that says "not sent", and no value for these."""

    def say_so(schema: dict[str, Any]) -> None:
        for name in names:
            told = schema["properties"][name]
            (kind,) = [choice for choice in told.pop("anyOf") if choice.get("type") != "null"]
            told.pop("default", None)
            schema["properties"][name] = {**told, **kind}

    return say_so


class ProductChangesBody(_Asked):
    """What is to change; fields that are not sent stay as they are, null takes away what may be absent."""

    model_config = ConfigDict(
        json_schema_extra=_never_null(
            *("name", "slug", "description", "vendor", "type", "status", "published", "tags", "tax_category"),
            *("categories", "images"),
        )
    )

    name: FilledLine | None = None
    slug: Slug | None = None
    description: Text | None = None
    vendor: Line | None = None
    type: Line | None = None
    status: Status | None = None
    published: bool | None = None
    tags: Annotated[list[FilledLine], Field(max_length=250)] | None = None
    tax_category: Line | None = None
    categories: Categories | None = None
    shipping_category: ShippingCategory | None = None
    channels: Channels | None = None
    images: Annotated[list[NewImage], Field(max_length=250)] | None = None


class VariantChangesBody(_Asked):
    """What is to change; fields that are not sent stay as they are, null takes away what may be absent."""

    model_config = ConfigDict(json_schema_extra=_never_null("price", "requires_shipping", "taxable", "active"))

    sku: FilledLine | None = None
    barcode: FilledLine | None = None
    price: Minor | None = None
    compare_at_price: Minor | None = None
    weight_g: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    image: FilledLine | None = None
    requires_shipping: bool | None = None
    taxable: bool | None = None
    active: bool | None = None
    max_quantity: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    floor: Minor | None = None
    reason: Line = Field("", description="Why the price is another; kept with its history.")
