"""A catalogue as a file carries it: what the shop understands, and the untouched cells beside it.

Prices are minor units of the import's currency, weights grams. The same shapes come out of the parser, are
stored, are loaded again, and go into the exporter, which writes a source cell back as it was for as long as
it still means the value the product has now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pannier.kernel.findings import LISTED_MAX, Findings

BYTES_MAX = 100_000_000

Phase = Literal["scan", "check", "read"]
Status = Literal["active", "draft", "discontinued", "archived"]
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is to be read.

    `untracked_when_blank`: a variant with a quantity but no inventory tracker is not counted. Without it
    such a variant is counted, because a shop that counts too much refuses a sale and one that counts too
    little oversells.
    """

    currency: str = "USD"
    untracked_when_blank: bool = False
    bytes_max: int = BYTES_MAX
    listed_max: int = LISTED_MAX


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of the source: its non-empty cells by column name, as written.

    `line` is 0 when it was not read from a file.
    """

    cells: Mapping[str, str]
    line: int = 0


@dataclass(frozen=True, slots=True)
class FileVariant:
    """`options` is empty for a product without choices. `quantity` None: the file says nothing about stock.

    `backorder_max`: units that may be sold beyond the stock; None is without bound.
    `row` is the index of its row in the product's `rows`, None when no file brought it.
    `was_tracked` is what the import made of the tracker cell, so that an export can tell a later change.
    """

    options: Options
    price_minor: int
    compare_at_minor: int | None = None
    sku: str | None = None
    barcode: str | None = None
    weight_g: int | None = None
    image_url: str | None = None
    requires_shipping: bool = True
    is_taxable: bool = True
    is_tracked: bool = True
    quantity: int | None = None
    backorder_max: int | None = 0
    row: int | None = None
    was_tracked: bool | None = None


@dataclass(frozen=True, slots=True)
class FileImage:
    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class FileProduct:
    """`position` counts products from 0 in the order in which the file first names them.

    `line` is the line of its first row. `said` is what a file says of the values themselves, as plain data,
    where it does so beside the rows; a Shopify file says them by its rows only.
    """

    handle: str
    name: str
    description: str = ""
    summary: str = ""
    vendor: str = ""
    product_type: str = ""
    tags: tuple[str, ...] = ()
    status: Status = "active"
    is_published: bool = True
    variants: tuple[FileVariant, ...] = ()
    images: tuple[FileImage, ...] = ()
    rows: tuple[FileRow, ...] = ()
    position: int = 0
    line: int = 0
    said: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading has come: `bytes_done` of `bytes_total`, and rows in this phase."""

    phase: Phase
    rows: int
    bytes_done: int
    bytes_total: int


ProgressCallback = Callable[[Progress], None]


@dataclass(slots=True)
class Report:
    """What a file holds and what is wrong with it.

    `is_readable` False: not even its rows can be told apart (no such format, no header), so nothing of it
    may be imported. `left_out` are the handles of products with a bad row. `columns` is the header as
    written.
    """

    problems: Findings = field(default_factory=Findings)
    warnings: Findings = field(default_factory=Findings)
    is_readable: bool = True
    columns: tuple[str, ...] = ()
    rows: int = 0
    products: int = 0
    variants: int = 0
    images: int = 0
    price_sum_minor: int = 0
    quantity_sum: int = 0
    left_out: set[str] = field(default_factory=set)

    @property
    def is_clean(self) -> bool:
        """True when the file may be imported as a whole."""
        return self.is_readable and self.problems.count == 0

    def count_product(self, product: FileProduct) -> None:
        """Add a good product to the totals."""
        self.products += 1
        self.variants += len(product.variants)
        self.images += len(product.images)
        self.price_sum_minor += sum(variant.price_minor for variant in product.variants)
        self.quantity_sum += sum(variant.quantity or 0 for variant in product.variants)


class CatalogueFile(Protocol):
    """A catalogue in some format: `check()` first, then `products()` gives those without a problem.

    Products come as soon as their last row is read, so in a file with scattered rows `position`, not the
    order of arrival, is their order.
    """

    def check(self) -> Report: ...

    def products(self) -> Iterator[FileProduct]: ...
