"""What may be asked of a cart over HTTP, and the answers that are more than a cart."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

import msgspec

from pannier.cart.models import QUANTITY_MAX

# Told here and judged by the service, whose INVALID_QUANTITY says more; what a shop allows below is in its settings.
WireQuantity = Annotated[
    int, msgspec.Meta(description="Units.", extra_json_schema={"minimum": 1, "maximum": QUANTITY_MAX})
]
WireQuantityOrNone = Annotated[
    int,
    msgspec.Meta(description="Units; 0 removes the line.", extra_json_schema={"minimum": 0, "maximum": QUANTITY_MAX}),
]
BULK_MAX = 1000
# Two plain objects are no union that a decoder could tell apart, and nobody decodes this.
EITHER_CART = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Cart", "CartDelta")]}


# A key without control characters and blanks at its ends; a text without NUL.
_KEY_PATTERN = r"^[^\x00-\x20\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f])?$"
_TEXT_PATTERN = r"^[^\x00]*$"


class ItemResult(msgspec.Struct, frozen=True):
    """What became of one entry of a bulk request, by its index."""

    index: int
    ok: bool
    item_id: uuid.UUID | None
    quantity: int | None
    error: str | None
    details: dict[str, Any] | None


class BulkAnswer(msgspec.Struct, frozen=True):
    """A result per entry, and the cart after all of them."""

    results: list[ItemResult]
    cart: Annotated[Any, msgspec.Meta(extra_json_schema=EITHER_CART)]


class AddItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Add units of a variant; the same variant with the same attributes and customisation joins its line."""

    variant_id: uuid.UUID
    quantity: WireQuantity = 1
    attributes: dict[str, Any] | None = None
    note: str | None = None
    customisation: dict[str, Any] | None = None


class PatchItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Change some of a line; quantity 0 removes it, null takes note, attributes or customisation away.

    A line that becomes equal to another, in variant, attributes and customisation, joins it.
    """

    quantity: WireQuantityOrNone | msgspec.UnsetType = msgspec.UNSET
    note: str | msgspec.UnsetType | None = msgspec.UNSET
    attributes: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    customisation: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    selected: bool | msgspec.UnsetType = msgspec.UNSET


SomePatchItem = Annotated[PatchItem, msgspec.Meta(extra_json_schema={"minProperties": 1})]


class PutItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set all of a line that can be set; what is left out gets its default."""

    quantity: WireQuantityOrNone
    note: str | None = None
    selected: bool = True


class RestoreItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units come back; all of them when nothing is said."""

    quantity: WireQuantity | None = None


class DuplicateItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the copy has that the line has not; what is left out is as in the line."""

    quantity: WireQuantity | None = None
    note: str | msgspec.UnsetType | None = msgspec.UNSET
    attributes: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    customisation: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET


class SelectItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which lines are selected afterwards: all, none, or exactly those whose ids are listed."""

    selected: Literal["all", "none"] | Annotated[list[uuid.UUID], msgspec.Meta(max_length=BULK_MAX)]


class ChangeMetadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys and values laid over the cart's; null takes a key away."""

    metadata: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=_KEY_PATTERN)],
            Annotated[str, msgspec.Meta(max_length=2000, pattern=_TEXT_PATTERN)] | None,
        ],
        msgspec.Meta(min_length=1, max_length=50, extra_json_schema={"additionalProperties": False}),
    ]


class EnterCoupon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code, as the shopper wrote it."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_KEY_PATTERN)]


class SetDestination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to: ISO 3166-1 alpha-2 country, region as its second part in ISO 3166-2, postal code. All null: unknown."""

    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] | None = None
    region: Annotated[str, msgspec.Meta(max_length=40, pattern=_KEY_PATTERN)] | None = None
    postal_code: Annotated[str, msgspec.Meta(max_length=20, pattern=_KEY_PATTERN)] | None = None


class ChooseShipping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The id of a shipping option, or null for none."""

    method: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_KEY_PATTERN)] | None


class VerifyStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement of prices, as `/cart/prices` gave it."""

    statement: Annotated[str, msgspec.Meta(min_length=1, max_length=200_000, pattern=r"^[A-Za-z0-9_.-]+$")]


class ReserveCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long; the shop's time for holds when it is left out, and never longer than its longest."""

    ttl_s: Annotated[float, msgspec.Meta(gt=0, le=31_536_000)] | None = None


class AcceptChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token that came with what was shown."""

    consent_token: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class SetItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set the quantity of one line of the cart; 0 removes it."""

    id: uuid.UUID
    quantity: WireQuantityOrNone


class BulkAdd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Add several items at once: all or none, unless `atomic` is false."""

    items: Annotated[list[AddItem], msgspec.Meta(min_length=1, max_length=BULK_MAX)]
    atomic: bool = True


class BulkSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Set several quantities at once: all or none, unless `atomic` is false."""

    items: Annotated[list[SetItem], msgspec.Meta(min_length=1, max_length=BULK_MAX)]
    atomic: bool = True


class BulkRemove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remove several lines at once: all or none, unless `atomic` is false."""

    ids: Annotated[list[uuid.UUID], msgspec.Meta(min_length=1, max_length=BULK_MAX)]
    atomic: bool = True
