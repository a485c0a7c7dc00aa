"""From rows to products as they are shown: pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pannier.catalog import rules
from pannier.catalog.models import (
    Availability,
    AvailabilityStatus,
    Image,
    Listing,
    PriceTier,
    Product,
    ProductCard,
    Variant,
)
from pannier.catalog.ports import ListPrice, StockLevel
from pannier.catalog.schemas import (
    CorrectionDocument,
    ImageDocument,
    Price,
    PriceTierDocument,
    ProductCardDocument,
    ProductDocument,
    ProductListing,
    ProductStock,
    SearchMessage,
    Stock,
    VariantDocument,
    VariantStock,
)
from pannier.kernel.money import format_amount


class Row(Protocol):
    """A row of `repository.cards` or `repository.product`."""

    def __getitem__(self, name: str, /) -> Any: ...


Levels = Mapping[uuid.UUID, StockLevel]
#: Amounts of variants that cost less than their list says.
Lowered = Mapping[uuid.UUID, int]


def variant_ids(row: Row) -> list[uuid.UUID]:
    """The variants of a product's row."""
    return [uuid.UUID(values[0]) for values in row["variants"] or ()]


def list_prices(rows: Iterable[Row]) -> dict[uuid.UUID, ListPrice]:
    """What the list asks for the variants of products, as far as they have a price."""
    return {
        uuid.UUID(values[0]): (values[4], values[5])
        for row in rows
        for values in row["variants"] or ()
        if values[4] is not None
    }


def tier_prices(row: Row) -> list[dict[uuid.UUID, ListPrice]]:
    """What the list asks for more units of a product's variants: the first tier of each, the second, and so on."""
    steps: list[dict[uuid.UUID, ListPrice]] = []
    for variant_id, tiers in (row["tiers"] or {}).items():
        for rank, (_, amount, compare_at) in enumerate(tiers):
            if rank == len(steps):
                steps.append({})
            steps[rank][uuid.UUID(variant_id)] = (amount, compare_at)
    return steps


def product(
    row: Row,
    levels: Levels,
    lowered: Lowered,
    currency: str,
    *,
    is_staff: bool,
    lowered_tiers: Sequence[Lowered] = (),
) -> Product:
    """A product in full; variants that are off sale are for staff only."""
    found = [_variant(values, levels, lowered) for values in row["variants"] or ()]
    variants = [_compared(variant, row, lowered, lowered_tiers) for variant in found]
    return Product(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        summary=row["summary"],
        description=row["description"],
        vendor=row["vendor"],
        product_type=row["product_type"],
        status=row["status"],
        is_published=row["is_published"],
        tags=tuple(row["tags"]),
        tax_category=row["tax_category"],
        channels=tuple(row["channels"]) if row["channels"] is not None else None,
        categories=tuple(row["categories"]),
        images=tuple(Image(url, alt) for url, alt in row["images"] or ()),
        variants=tuple(variant for variant in variants if is_staff or variant.is_active),
        currency=currency,
        version=row["version"],
    )


def card(row: Row, levels: Levels, lowered: Lowered, currency: str) -> ProductCard:
    """A product as a list shows it; the prices are those of what can be bought, if anything can."""
    found = [_variant(values, levels, lowered) for values in row["variants"] or ()]
    variants = [variant for variant in found if variant.is_active]
    sellable = [variant for variant in variants if variant.is_sellable]
    priced = [variant for variant in sellable or variants if variant.amount_minor is not None]
    lowest = min(priced, key=lambda variant: variant.amount_minor or 0) if priced else None
    highest = max(priced, key=lambda variant: variant.amount_minor or 0) if priced else None
    first = next(iter(sellable), variants[0] if variants else None)
    return ProductCard(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        summary=row["summary"],
        vendor=row["vendor"],
        status=row["status"],
        is_published=row["is_published"],
        tags=tuple(row["tags"]),
        category=row["category"],
        image_url=row["image_url"],
        image_alt=row["image_alt"] or "",
        variant_count=len(variants),
        default_variant_id=first.id if first else None,
        amount_minor=lowest.amount_minor if lowest else None,
        amount_max_minor=highest.amount_minor if highest else None,
        compare_at_minor=lowest.compare_at_minor if lowest else None,
        currency=currency,
        availability=together([variant.availability for variant in variants]),
    )


def together(parts: Sequence[Availability]) -> Availability:
    """What can be had of a product: the best of its variants' states, and the sum of their units."""
    best_first: tuple[AvailabilityStatus, ...] = ("in_stock", "low_stock", "out_of_stock")
    for status in best_first:
        if any(part.status == status for part in parts):
            of_sale = [part.available for part in parts if part.status != "unavailable"]
            known = [units for units in of_sale if units is not None]
            return Availability(status, sum(known) if len(known) == len(of_sale) else None)
    return Availability("unavailable", 0)


def _variant(values: Sequence[Any], levels: Levels, lowered: Lowered) -> Variant:
    variant_id, sku, barcode, options, amount, compare_at, weight_g, image_url, *flags, quantity_max = values
    requires_shipping, is_taxable, is_active, is_sellable = flags
    key = uuid.UUID(variant_id)
    level = levels.get(key)
    if amount is not None and key in lowered:
        # What it cost before is the higher of the two, as the cart shows it.
        amount, compare_at = lowered[key], max(amount, compare_at or 0)
    is_for_sale = is_sellable and amount is not None
    return Variant(
        id=key,
        sku=sku,
        barcode=barcode,
        options=tuple((name, value) for name, value in options),
        amount_minor=amount,
        compare_at_minor=compare_at,
        weight_g=weight_g,
        image_url=image_url,
        requires_shipping=requires_shipping,
        is_taxable=is_taxable,
        is_active=is_active,
        is_sellable=is_for_sale,
        quantity_max=quantity_max,
        availability=rules.availability(level.available if level else None, is_sellable=is_for_sale),
    )


def _compared(variant: Variant, row: Row, lowered: Lowered, lowered_tiers: Sequence[Lowered]) -> Variant:
    """The variant with the prices that its price is compared with."""
    amount = variant.amount_minor
    if amount is None:
        return variant
    tiers: list[PriceTier] = []
    for rank, (units, asked, _) in enumerate((row["tiers"] or {}).get(str(variant.id), ())):
        below = tiers[-1].amount_minor if tiers else amount
        price = lowered_tiers[rank].get(variant.id, asked) if rank < len(lowered_tiers) else asked
        # What a price rule takes off one unit may be more than what a tier does.
        if price < below:
            tiers.append(PriceTier(units, price))
    lowest = (row["lowest"] or {}).get(str(variant.id))
    if not _is_on_sale(amount, variant.compare_at_minor):
        lowest = None
    elif variant.id in lowered:
        # It is a price rule that reduces it, so what the list asks has been a price of before as well.
        listed = next(values[4] for values in row["variants"] if values[0] == str(variant.id))
        lowest = listed if lowest is None else min(lowest, listed)
    return replace(variant, tiers=tuple(tiers), lowest_minor=lowest)


def show_page_card(found: ProductCard) -> ProductCardDocument:
    """A card on the wire."""
    return ProductCardDocument(
        id=found.id,
        slug=found.slug,
        name=found.name,
        summary=found.summary,
        vendor=found.vendor,
        status=found.status,
        published=found.is_published,
        tags=list(found.tags),
        category=found.category,
        image=ImageDocument(url=found.image_url, alt=found.image_alt) if found.image_url else None,
        variant_count=found.variant_count,
        default_variant_id=found.default_variant_id,
        price=_price(found.amount_minor, found.currency),
        price_max=_price(found.amount_max_minor, found.currency),
        compare_at_price=_price(found.compare_at_minor, found.currency),
        on_sale=_is_on_sale(found.amount_minor, found.compare_at_minor),
        availability=_stock(found.availability),
    )


def show_listing(found: Listing) -> ProductListing:
    """A page of a search on the wire."""
    messages = []
    if found.corrections:
        words, meant = (", ".join(f"“{word}”" for word in words) for words in _corrected(found))
        text = f"Nothing was found for {words}: these are the results for {meant}."
        messages.append(SearchMessage(type="info", code="SEARCH_CORRECTED", text=text))
    if found.is_wordless:
        text = "There is no letter or digit in what was asked for, so nothing was looked for."
        messages.append(SearchMessage(type="warning", code="SEARCH_WITHOUT_WORDS", text=text))
    return ProductListing(
        products=[show_page_card(card) for card in found.products],
        next_cursor=found.next_cursor,
        corrected=[CorrectionDocument(word=told.word, used=list(told.used)) for told in found.corrections],
        messages=messages,
    )


def _corrected(found: Listing) -> tuple[list[str], list[str]]:
    return [told.word for told in found.corrections], [told.used[0] for told in found.corrections]


def show_product(found: Product) -> ProductDocument:
    """A product on the wire; `options` are the values of each option in the order of the variants."""
    options: dict[str, list[str]] = {}
    for variant in found.variants:
        for name, value in variant.options:
            values = options.setdefault(name, [])
            if value not in values:
                values.append(value)
    return ProductDocument(
        id=found.id,
        slug=found.slug,
        name=found.name,
        summary=found.summary,
        description=found.description,
        vendor=found.vendor,
        type=found.product_type,
        status=found.status,
        published=found.is_published,
        tags=list(found.tags),
        tax_category=found.tax_category,
        channels=list(found.channels) if found.channels is not None else None,
        categories=list(found.categories),
        images=[ImageDocument(url=image.url, alt=image.alt) for image in found.images],
        options=options,
        variants=[_show_variant(variant, found.currency) for variant in found.variants],
        currency=found.currency,
        version=found.version,
    )


def show_stock(found: Product) -> ProductStock:
    """A product's live stock on the wire."""
    return ProductStock(
        product_id=found.id,
        availability=_stock(together([variant.availability for variant in found.variants])),
        variants=[
            VariantStock(
                variant_id=variant.id,
                sku=variant.sku,
                options=dict(variant.options),
                availability=_stock(variant.availability),
            )
            for variant in found.variants
        ],
    )


def _show_variant(variant: Variant, currency: str) -> VariantDocument:
    return VariantDocument(
        id=variant.id,
        sku=variant.sku,
        barcode=variant.barcode,
        options=dict(variant.options),
        price=_price(variant.amount_minor, currency),
        compare_at_price=_price(variant.compare_at_minor, currency),
        on_sale=_is_on_sale(variant.amount_minor, variant.compare_at_minor),
        lowest_price=_price(variant.lowest_minor, currency),
        price_tiers=[_tier(tier, variant.amount_minor or 0, currency) for tier in variant.tiers],
        weight_g=variant.weight_g,
        image=variant.image_url,
        requires_shipping=variant.requires_shipping,
        taxable=variant.is_taxable,
        active=variant.is_active,
        sellable=variant.is_sellable,
        max_quantity=variant.quantity_max,
        availability=_stock(variant.availability),
    )


def _price(amount: int | None, currency: str) -> Price | None:
    if amount is None:
        return None
    return _money(amount, currency)


def _money(amount: int, currency: str) -> Price:
    return Price(amount=amount, currency=currency, formatted=format_amount(amount, currency))


def _tier(tier: PriceTier, amount: int, currency: str) -> PriceTierDocument:
    saved = amount - tier.amount_minor
    return PriceTierDocument(
        quantity_min=tier.units, price=_money(tier.amount_minor, currency), saved=_money(saved, currency)
    )


def _is_on_sale(amount: int | None, compare_at: int | None) -> bool:
    return amount is not None and compare_at is not None and compare_at > amount


def _stock(found: Availability) -> Stock:
    return Stock(status=found.status, available=found.available)
