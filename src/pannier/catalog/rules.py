"""How an import meets what the shop has changed since the last one, and what can be had of a variant.

The rule of the import: what the file says as it said it last time leaves the shop's own changes alone; what
the file says anew is applied. So the same file twice changes nothing, whatever was sold or repriced in
between.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any

from pannier.catalog.models import Availability, MergedVariant, StoredProduct, StoredVariant
from pannier.catalog.shopify.models import FileProduct, FileVariant

_PRODUCT_FIELDS = ("name", "description", "vendor", "product_type", "tags", "status", "is_published")
_VARIANT_FIELDS = (
    "price_minor", "compare_at_minor", "sku", "barcode", "weight_g", "image_url",
    "requires_shipping", "is_taxable", "is_tracked", "backorder_max",
)  # fmt: skip
LOW_STOCK_MAX = 5


def merge_product(current: StoredProduct, base: FileProduct | None, new: FileProduct) -> FileProduct:
    """The product's own values and images; its variants are `merge_variants`. Keeps its place in the
    catalogue.

    `base` is what the last import said; without one the file is right in everything it says.
    """
    now = current.values
    taken = {name: _pick(name, base, new, now) for name in _PRODUCT_FIELDS}
    images = now.images if base is not None and base.images == new.images else new.images
    summary = now.summary if taken["description"] == now.description else new.summary
    return dataclasses.replace(new, **taken, images=images, summary=summary, position=now.position)


def merge_variants(current: StoredProduct, base: FileProduct | None, new: FileProduct) -> list[MergedVariant]:
    """What becomes of each variant: the file's, in its order, then those that it does not name.

    A variant that the last file had and this one has not is taken off sale; one that the staff added stays.
    """
    said = {variant.row: variant for variant in base.variants} if base is not None else {}
    by_file = {said[stored.values.row].options: stored for stored in current.variants if stored.values.row in said}
    by_now = {stored.values.options: stored for stored in current.variants}
    merged: list[MergedVariant] = []
    met: set[uuid.UUID | None] = set()
    for variant in new.variants:
        # The staff may have renamed options since; the last file's names find the variant all the same.
        stored = by_file.get(variant.options) or by_now.get(variant.options)
        if stored is None or stored.id in met:
            merged.append(MergedVariant(None, variant, True, True, variant.quantity or 0))
        else:
            merged.append(_merge_variant(stored, said.get(stored.values.row), variant))
            met.add(stored.id)
    for stored in current.variants:
        if stored.id not in met:
            is_active = stored.is_active and stored.values.row not in said
            values = dataclasses.replace(stored.values, row=None)
            merged.append(MergedVariant(stored.id, values, is_active, False, 0))
    return merged


def is_as_it_was(current: StoredProduct, merged: FileProduct, variants: Sequence[MergedVariant]) -> bool:
    """Whether nothing that anybody sees has changed, whatever else a file says of where its values stand."""
    now = current.values
    if any(getattr(merged, name) != getattr(now, name) for name in (*_PRODUCT_FIELDS, "summary", "images")):
        return False
    if len(variants) != len(current.variants):
        return False
    return all(
        variant.id == stored.id
        and variant.is_active == stored.is_active
        and not variant.sets_stock
        and all(getattr(variant.values, name) == getattr(stored.values, name) for name in ("options", *_VARIANT_FIELDS))
        for variant, stored in zip(variants, current.variants, strict=True)
    )


def availability(available: int | None, *, is_sellable: bool) -> Availability:
    """`in_stock`, `low_stock` (five or fewer), `out_of_stock`, or `unavailable`: not for sale at all."""
    if not is_sellable:
        return Availability("unavailable", 0)
    if available is None or available > LOW_STOCK_MAX:
        return Availability("in_stock", available)
    return Availability("low_stock" if available > 0 else "out_of_stock", max(0, available))


def slugify(text: str) -> str:
    """A name as part of an address: lower case, letters and digits of any script, single hyphens."""
    words = "".join(character if character.isalnum() else " " for character in text.casefold()).split()
    return "-".join(words)[:200].strip("-")


def _pick(name: str, base: FileProduct | FileVariant | None, new: Any, now: Any) -> Any:
    said, says = getattr(base, name, None), getattr(new, name)
    return getattr(now, name) if base is not None and said == says else says


def _merge_variant(stored: StoredVariant, said: FileVariant | None, new: FileVariant) -> MergedVariant:
    now = stored.values
    taken = {name: _pick(name, said, new, now) for name in _VARIANT_FIELDS}
    change = _quantity_change(now.quantity, said.quantity if said is not None else None, new.quantity)
    sets_stock = bool(change) or any(taken[name] != getattr(now, name) for name in ("is_tracked", "backorder_max"))
    values = dataclasses.replace(new, **taken, options=now.options)
    return MergedVariant(stored.id, values, stored.is_active or said is None, sets_stock, change)


def _quantity_change(now: int | None, said: int | None, says: int | None) -> int:
    """Units to book. What was sold since the last file stays sold: only what the file itself changed is booked.

    A figure that is the shop's own of now, as in a file that was exported a moment ago, changes nothing.
    """
    if says is None or says == now:
        return 0
    return says - said if said is not None else says - (now or 0)
