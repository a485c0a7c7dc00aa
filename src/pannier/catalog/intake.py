"""From what staff send to what the service takes: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pannier.catalog.errors import InvalidProductError
from pannier.catalog.models import Image, NewProduct, NewVariant
from pannier.catalog.schemas import NewProductBody, NewVariantBody, ProductChangesBody, VariantChangesBody

_NAMES = {
    "type": "product_type",
    "published": "is_published",
    "image": "image_url",
    "taxable": "is_taxable",
    "active": "is_active",
    "max_quantity": "quantity_max",
    "price": "price_minor",
    "compare_at_price": "compare_at_minor",
    "tracked": "is_tracked",
    "floor": "floor_minor",
}
_MAY_BE_ABSENT = frozenset(
    {
        "sku",
        "barcode",
        "compare_at_price",
        "weight_g",
        "image",
        "max_quantity",
        "floor",
        "shipping_category",
        "channels",
    }
)


def new_variant(body: NewVariantBody) -> NewVariant:
    """A variant to be made."""
    values = _named(body.model_dump(exclude={"options"}))
    return NewVariant(options=tuple(body.options.items()), **values)


def new_product(body: NewProductBody) -> NewProduct:
    """A product to be made."""
    values = _named(body.model_dump(exclude={"variants", "images", "tags", "categories"}))
    return NewProduct(
        **values,
        tags=tuple(body.tags),
        categories=tuple(body.categories),
        images=tuple(Image(image.url, image.alt) for image in body.images),
        variants=tuple(new_variant(variant) for variant in body.variants),
    )


def changes(body: ProductChangesBody | VariantChangesBody) -> dict[str, Any]:
    """The fields that were sent, by the names of the service. Raises InvalidProductError for a null that cannot be."""
    sent = body.model_dump(exclude_unset=True, exclude={"reason"})
    for name, value in sent.items():
        if value is None and name not in _MAY_BE_ABSENT:
            raise InvalidProductError(f"{name} cannot be null: leave it out to keep it.", field=name)
    if isinstance(body, ProductChangesBody) and body.images is not None:
        sent["images"] = tuple(Image(image.url, image.alt) for image in body.images)
    return _named(sent)


def _named(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in sent.items()}
