"""What the catalogue refuses.

PannierError
├── ProductNotFoundError       no such product, or none that this asker may see
├── VariantNotFoundError       no such variant
├── ProductUnavailableError    it is there, and not for sale
├── SlugTakenError             another product has this address
├── DuplicateVariantError      the product has this combination of options
├── InvalidProductError        a value that no product can have
├── InvalidCursorError         no page begins there
├── ImportInProgressError      one import at a time
├── PriceListNotFoundError     there is no such price list
└── PriceListExistsError       another one has that code
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class ProductNotFoundError(PannierError):
    """There is no such product, or it is not on show. Look it up in the product list."""

    kind = ErrorKind.not_found
    error = "PRODUCT_NOT_FOUND"
    code = "CAT_001"
    title = "There is no such product"


class ProductUnavailableError(PannierError):
    """The product is there and not for sale: not active, not published, or without a price in the currency."""

    kind = ErrorKind.conflict
    error = "PRODUCT_UNAVAILABLE"
    code = "CAT_002"
    title = "The product is not for sale"


class VariantNotFoundError(PannierError):
    """There is no such variant. The product's detail lists those it has."""

    kind = ErrorKind.not_found
    error = "VARIANT_NOT_FOUND"
    code = "CAT_003"
    title = "There is no such variant"


class SlugTakenError(PannierError):
    """Another product has this slug (`details.product_id`). Choose another one."""

    kind = ErrorKind.conflict
    error = "SLUG_TAKEN"
    code = "CAT_004"
    title = "Another product has this address"


class DuplicateVariantError(PannierError):
    """The product has a variant with these options already. Change that one, or choose other options."""

    kind = ErrorKind.conflict
    error = "DUPLICATE_VARIANT"
    code = "CAT_005"
    title = "The product has this variant already"


class InvalidProductError(PannierError):
    """A value that no product or variant can have; `field` names it."""

    kind = ErrorKind.unprocessable
    error = "INVALID_PRODUCT"
    code = "CAT_006"
    title = "The product cannot be stored like this"


class InvalidCursorError(PannierError):
    """The cursor is none that a page of this list gave. Begin without one."""

    kind = ErrorKind.invalid
    error = "INVALID_CURSOR"
    code = "CAT_007"
    title = "No page begins there"


class ImportInProgressError(PannierError):
    """Another import is under way. Wait until it is done: two at once could interleave their products."""

    kind = ErrorKind.conflict
    error = "IMPORT_IN_PROGRESS"
    code = "CAT_008"
    title = "Another import is under way"


class PriceListNotFoundError(PannierError):
    """There is no such price list. `GET /api/v1/admin/price-lists` lists them."""

    kind = ErrorKind.not_found
    error = "PRICE_LIST_NOT_FOUND"
    code = "CAT_009"
    title = "There is no such price list"


class PriceListExistsError(PannierError):
    """Another price list has this code, possibly an archived one. Choose another code: it never changes."""

    kind = ErrorKind.conflict
    error = "PRICE_LIST_EXISTS"
    code = "CAT_010"
    title = "Another price list has this code"
