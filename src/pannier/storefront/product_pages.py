"""The list of products, and one product."""

from __future__ import annotations

import uuid

from starlette.responses import Response

from pannier.catalog import CatalogService, InvalidCursorError, Product, ProductBrowser, Variant
from pannier.storefront.list_address import ListAddress
from pannier.storefront.visit import Visit

PAGE_SIZE = 24


async def list_products(visit: Visit) -> Response:
    """What is on show, searched, filtered and sorted by the address."""
    asked = ListAddress.of(visit.request.query_params)
    currency = visit.settings.currency
    browser, cursor = visit.service(ProductBrowser), visit.request.query_params.get("cursor")
    try:
        found = await browser.browse(asked.wanted(currency), cursor=cursor, limit=PAGE_SIZE)
    except InvalidCursorError:
        return visit.redirect(asked.address())
    categories = await browser.categories()
    return await visit.page(
        "list.html",
        products=found.products,
        next_page=asked.address(found.next_cursor) if found.next_cursor else None,
        first_page=asked.address() if cursor else None,
        categories=[(c.name, asked.with_category(c.slug), c.slug in asked.categories) for c in categories],
        every_category=asked.address(categories=()),
        in_stock=asked.address(in_stock=not asked.in_stock),
        on_sale=asked.address(on_sale=not asked.on_sale),
        asked=asked,
        active=asked.active({c.slug: c.name for c in categories}, currency),
        faults=asked.faults(currency),
        kept=[pair for pair in asked.pairs() if pair[0] not in {"sort", "price_min", "price_max"}],
        corrections=found.corrections,
        meant=" ".join(found.words),
        is_wordless=found.is_wordless,
        query=asked.text,
        marks=await visit.marks([card.default_variant_id for card in found.products if card.default_variant_id]),
    )


async def show_product(visit: Visit) -> Response:
    """One product; `variant` in the address chooses among its variants."""
    slug = visit.request.path_params["slug"]
    product = await visit.service(CatalogService).get_product(slug.replace("\0", ""))
    chosen = _chosen(product, visit.request.query_params.get("variant"))
    return await visit.page(
        "product.html",
        product=product,
        variants=[(variant, dict(variant.options)) for variant in product.variants],
        chosen=chosen,
        can_buy=any(_is_buyable(variant) for variant in product.variants),
        marks=await visit.marks([variant.id for variant in product.variants]),
        gone=[variant for variant in product.variants if not _is_buyable(variant)],
        quantity_max=_quantity_max(product, visit.settings.cart_max_quantity_per_item),
    )


def _is_buyable(variant: Variant) -> bool:
    return variant.availability.status in {"in_stock", "low_stock"}


def _chosen(product: Product, asked: str | None) -> Variant | None:
    """The variant that was asked for; else the first that can be had; else the first."""
    try:
        wanted = uuid.UUID(asked or "")
    except ValueError:
        wanted = None
    named = next((variant for variant in product.variants if variant.id == wanted), None)
    first = next(iter(product.variants), None)
    return named or next((variant for variant in product.variants if _is_buyable(variant)), first)


def _quantity_max(product: Product, per_item: int) -> int:
    """The most that a form may ask for: more than that is refused, whichever variant it is."""
    bounds = [per_item] if per_item else []
    known = [variant.availability.available for variant in product.variants]
    counted = [units for units in known if units is not None]
    if len(counted) == len(known) and counted:
        bounds.append(max(counted))
    return max(1, min(bounds, default=999))
