"""Products: asked for by shoppers, changed by staff. Every change writes its event in its own transaction."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pannier.catalog import file_repository as files
from pannier.catalog import repository, rules, view
from pannier.catalog.errors import (
    DuplicateVariantError,
    InvalidCursorError,
    InvalidProductError,
    ProductNotFoundError,
    SlugTakenError,
    VariantNotFoundError,
)
from pannier.catalog.models import Image, NewProduct, NewVariant, Page, Product, Status
from pannier.catalog.ports import ListPrices, ShelfPrices, Stock, StockChange
from pannier.catalog.shopify.build import OPTIONS_BYTES_MAX
from pannier.catalog.shopify.text import summarise
from pannier.kernel.ids import uuid7
from pannier.platform import idempotency
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

T = TypeVar("T")
_LIST = ListPrices()
_BEGIN = (-1, uuid.UUID(int=0))


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes a product, from where, within which request."""

    actor: str
    device: str | None = None
    correlation_id: str | None = None
    # Why a price is changed, in the words of whoever does.
    reason: str = ""


class CatalogService:
    """The catalogue of one shop, with the stock that the composition root gives it."""

    def __init__(self, db: Database, settings: Settings, stock: Stock, shelf: ShelfPrices = _LIST) -> None:
        self._db = db
        self._stock = stock
        self._shelf = shelf
        self._currency = settings.currency
        self._channel = settings.channel

    async def list_products(
        self,
        *,
        cursor: str | None = None,
        limit: int = 24,
        category: str | None = None,
        status: Status | None = None,
        is_staff: bool = False,
        channel: str | None = None,
    ) -> Page:
        """A page in catalogue order: what is on show, or all of it for staff. Raises InvalidCursorError."""
        after = _decode_cursor(cursor) if cursor else _BEGIN
        async with self._db.read() as connection:
            rows = await repository.cards(
                connection,
                currency=self._currency,
                channel=channel or self._channel,
                now=self._db.clock.now(),
                after=after,
                limit=limit + 1,
                category=category,
                status=status,
                is_staff=is_staff,
            )
            shown = rows[:limit]
            levels = await self._stock.levels(connection, [id_ for row in shown for id_ in view.variant_ids(row)])
            lowered = {} if is_staff else await self._shelf.lowered(connection, view.list_prices(shown))
        last = shown[-1] if len(rows) > limit else None
        cards = tuple(view.card(row, levels, lowered, self._currency) for row in shown)
        return Page(cards, _encode_cursor(last["position"], last["id"]) if last is not None else None)

    async def get_product(
        self, slug_or_id: str | uuid.UUID, *, is_staff: bool = False, channel: str | None = None
    ) -> Product:
        """One product with its live stock, by slug or by id. Raises ProductNotFoundError."""
        async with self._db.read() as connection:
            return await self._read(connection, slug_or_id, is_staff=is_staff, channel=channel)

    async def create_product(self, new: NewProduct, cause: Cause, conn: Connection | None = None) -> Product:
        """Make a product with its variants, prices and opening stock. Raises SlugTakenError, DuplicateVariantError."""

        async def run(connection: Connection) -> Product:
            product_id = uuid7()
            slug = new.slug or rules.slugify(new.name)
            if not slug:
                raise InvalidProductError("The name has no letter or digit to make a slug of: give one.", field="slug")
            await self._check_slug(connection, slug)
            values = {name: getattr(new, name) for name in _PRODUCT_VALUES} | {"slug": slug}
            position = await files.next_position(connection)
            await repository.insert_product(connection, product_id, _with_summary(values), position)
            await files.write_images(connection, [product_id], _image_rows(product_id, new.images))
            await self._file(connection, product_id, new.product_type, "")
            await self._categorise(connection, product_id, new.categories, new.product_type)
            for variant in new.variants:
                await self._add(connection, product_id, variant, cause)
            return await self._changed(connection, product_id, 1, "product.created", {"slug": slug}, cause)

        return await self._within(conn, run)

    async def update_product(
        self, product_id: uuid.UUID, changes: Mapping[str, Any], cause: Cause, conn: Connection | None = None
    ) -> Product:
        """Change those values of a product that are given, by the names of NewProduct; `images` replaces all.

        Raises ProductNotFoundError, SlugTakenError.
        """

        async def run(connection: Connection) -> Product:
            await self._lock(connection, product_id)
            before = await self._read(connection, product_id, is_staff=True)
            if changes.get("slug", before.slug) != before.slug:
                await self._check_slug(connection, changes["slug"])
            beside = {"images", "categories"}
            values = _with_summary({name: value for name, value in changes.items() if name not in beside})
            version = await repository.update_product(connection, product_id, values)
            if "images" in changes:
                await files.write_images(connection, [product_id], _image_rows(product_id, changes["images"]))
            if changes.get("product_type", before.product_type) != before.product_type:
                await self._file(connection, product_id, changes["product_type"], before.product_type)
            if "categories" in changes:
                product_type = changes.get("product_type", before.product_type)
                await self._categorise(connection, product_id, changes["categories"], product_type)
            return await self._changed(
                connection, product_id, version, "product.updated", {"changed": sorted(changes)}, cause
            )

        return await self._within(conn, run)

    async def add_variant(
        self, product_id: uuid.UUID, new: NewVariant, cause: Cause, conn: Connection | None = None
    ) -> Product:
        """Give a product one more variant. Raises ProductNotFoundError, DuplicateVariantError."""

        async def run(connection: Connection) -> Product:
            await self._lock(connection, product_id)
            variant_id = await self._add(connection, product_id, new, cause)
            version = await repository.update_product(connection, product_id, {})
            data = {"variant_id": str(variant_id)}
            return await self._changed(connection, product_id, version, "variant.created", data, cause)

        return await self._within(conn, run)

    async def update_variant(
        self, variant_id: uuid.UUID, changes: Mapping[str, Any], cause: Cause, conn: Connection | None = None
    ) -> Product:
        """Change those values of a variant that are given, by the names of NewVariant, and `is_active`.

        Its options and its stock are not among them. Raises VariantNotFoundError, InvalidProductError.
        """

        async def run(connection: Connection) -> Product:
            product_id = await repository.product_of_variant(connection, variant_id)
            if product_id is None:
                raise VariantNotFoundError(f"There is no variant {variant_id}.")
            await self._lock(connection, product_id)
            data: dict[str, Any] = {"variant_id": str(variant_id), "changed": sorted(changes)}
            if not _PRICE_VALUES.isdisjoint(changes):
                data["prices"] = await self._reprice(connection, variant_id, changes, cause)
            values = {name: value for name, value in changes.items() if name not in _PRICE_VALUES}
            await repository.update_variant(connection, variant_id, values)
            version = await repository.update_product(connection, product_id, {})
            return await self._changed(connection, product_id, version, "variant.updated", data, cause)

        return await self._within(conn, run)

    async def once(
        self, key: Key | None, command: Callable[[Connection], Awaitable[Product]], *, status: int = 200
    ) -> Answer:
        """Carry out a change with the client's idempotency key: the answer is the product as it is after it."""

        async def run(connection: Connection) -> Answer:
            return Answer(view.show_product(await command(connection)).model_dump_json().encode(), status)

        return await idempotency.once(self._db, key, run)

    async def _within(self, conn: Connection | None, run: Callable[[Connection], Awaitable[T]]) -> T:
        return await run(conn) if conn is not None else await self._db.write(run)

    async def _read(
        self, connection: Connection, slug_or_id: str | uuid.UUID, *, is_staff: bool, channel: str | None = None
    ) -> Product:
        row = await repository.product(
            connection,
            slug_or_id,
            currency=self._currency,
            channel=channel or self._channel,
            now=self._db.clock.now(),
            is_staff=is_staff,
        )
        if row is None:
            raise ProductNotFoundError(f"There is no product {slug_or_id}.", details={"product": str(slug_or_id)})
        levels = await self._stock.levels(connection, view.variant_ids(row))
        # Staff see what they can change: the list.
        lowered = {} if is_staff else await self._shelf.lowered(connection, view.list_prices([row]))
        steps = [] if is_staff else view.tier_prices(row)
        tiers = [await self._shelf.lowered(connection, step) for step in steps]
        return view.product(row, levels, lowered, self._currency, is_staff=is_staff, lowered_tiers=tiers)

    async def _lock(self, connection: Connection, product_id: uuid.UUID) -> None:
        if await repository.lock_product(connection, product_id) is None:
            raise ProductNotFoundError(f"There is no product {product_id}.", details={"product": str(product_id)})

    async def _check_slug(self, connection: Connection, slug: str) -> None:
        owner = await repository.slug_owner(connection, slug)
        if owner is not None:
            raise SlugTakenError(
                f"Another product has the slug {slug!r}. Choose another one.",
                field="slug",
                details={"product_id": str(owner)},
            )

    async def _file(self, connection: Connection, product_id: uuid.UUID, name: str, old: str) -> None:
        slugs = {"slug": rules.slugify(name), "old_slug": rules.slugify(old)}
        await files.write_types(connection, [{"product_id": product_id, "id": uuid7(), "name": name, **slugs}])

    async def _categorise(
        self, connection: Connection, product_id: uuid.UUID, names: Sequence[str], product_type: str
    ) -> None:
        """Put the product into the categories of these names, and out of all others but that of its type."""
        slugs = {rules.slugify(name): name for name in names}
        if "" in slugs:
            raise InvalidProductError(
                f"{slugs['']!r} has no letter or digit to call a category by.", field="categories"
            )
        rows = [{"id": uuid7(), "slug": slug, "name": name} for slug, name in slugs.items()]
        await files.write_categories(connection, product_id, rows, rules.slugify(product_type))

    async def _add(self, connection: Connection, product_id: uuid.UUID, new: NewVariant, cause: Cause) -> uuid.UUID:
        options = [list(pair) for pair in new.options]
        if await repository.variant_of_options(connection, product_id, options) is not None:
            named = ", ".join(f"{name} {value}" for name, value in options) or "no options"
            raise DuplicateVariantError(f"The product has a variant with {named} already.", field="options")
        if sum(len(text.encode()) for pair in options for text in pair) > OPTIONS_BYTES_MAX:
            raise InvalidProductError(f"The options take more than {OPTIONS_BYTES_MAX:,} bytes.", field="options")
        variant_id = uuid7()
        values = {name: getattr(new, name) for name in _VARIANT_VALUES} | {"options": options}
        await repository.insert_variant(connection, variant_id, product_id, values)
        if new.price_minor is not None:
            await self._price(connection, variant_id, new.price_minor, new.compare_at_minor, cause)
        if new.is_tracked or new.quantity is not None:
            change = StockChange(variant_id, new.quantity or 0, new.is_tracked, 0)
            await self._stock.change(connection, [change], actor=cause.actor, reason="opening stock")
        return variant_id

    async def _reprice(
        self, connection: Connection, variant_id: uuid.UUID, changes: Mapping[str, Any], cause: Cause
    ) -> dict[str, int | None]:
        """Set the price; answers the old and the new figures for the event."""
        old = await repository.price_of(connection, variant_id, self._currency)
        amount = changes.get("price_minor", old["amount_minor"] if old else None)
        compare_at = changes.get("compare_at_minor", old["compare_at_minor"] if old else None)
        if amount is None:
            raise InvalidProductError("The variant has no price yet: send one.", field="price")
        await self._price(connection, variant_id, amount, compare_at, cause)
        return {
            "amount_before": old["amount_minor"] if old else None,
            "amount": amount,
            "compare_at_before": old["compare_at_minor"] if old else None,
            "compare_at": compare_at,
        }

    async def _price(
        self, connection: Connection, variant_id: uuid.UUID, amount: int, compare_at: int | None, cause: Cause
    ) -> None:
        now = self._db.clock.now()
        await files.price_cause(connection, cause.actor, cause.reason, cause.correlation_id, now)
        row = {"id": uuid7(), "variant_id": variant_id, "currency": self._currency}
        await files.write_prices(connection, [row | {"amount_minor": amount, "compare_at_minor": compare_at}])

    async def _changed(
        self,
        connection: Connection,
        product_id: uuid.UUID,
        version: int,
        event: str,
        data: Mapping[str, Any],
        cause: Cause,
    ) -> Product:
        """What every change ends with: what is shown of it elsewhere, the event, and the product as it is now."""
        await files.refresh_display(connection, [product_id])
        row = {"aggregate_id": product_id, "version": version, "aggregate_kind": "product", "id": uuid7()}
        await repository.append_event(
            connection,
            row | {"type": event, "data": data},
            actor=cause.actor,
            device=cause.device,
            correlation_id=cause.correlation_id,
            at=self._db.clock.now(),
        )
        return await self._read(connection, product_id, is_staff=True)


_PRODUCT_VALUES = (
    "name", "description", "vendor", "product_type", "status", "is_published", "tags", "tax_category",
    "shipping_category", "channels",
)  # fmt: skip
_VARIANT_VALUES = (
    "sku", "barcode", "weight_g", "image_url", "requires_shipping", "is_taxable", "quantity_max", "floor_minor",
)  # fmt: skip
_PRICE_VALUES = frozenset({"price_minor", "compare_at_minor"})


def _with_summary(values: Mapping[str, Any]) -> dict[str, Any]:
    summary = {"summary": summarise(values["description"])} if "description" in values else {}
    return {**values, **summary}


def _image_rows(product_id: uuid.UUID, images: Sequence[Image]) -> list[dict[str, Any]]:
    return [
        {"id": uuid7(), "product_id": product_id, "position": place, "url": image.url, "alt": image.alt}
        for place, image in enumerate(images)
    ]


def _encode_cursor(position: int, product_id: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(f"{position}:{product_id.hex}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[int, uuid.UUID]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        position, _, product_id = text.partition(":")
        place = int(position), uuid.UUID(product_id)
    except (ValueError, binascii.Error):
        place = None
    if place is None or not -1 <= place[0] < 2**63:
        raise InvalidCursorError("This cursor is none that a page of this list gave.", field="cursor")
    return place
