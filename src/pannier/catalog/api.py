"""The routes of products, for shoppers and for staff."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import StringConstraints

from pannier.catalog import intake, view
from pannier.catalog.browsing import ProductBrowser
from pannier.catalog.errors import (
    DuplicateVariantError,
    InvalidCursorError,
    InvalidProductError,
    ProductNotFoundError,
    SlugTakenError,
    VariantNotFoundError,
)
from pannier.catalog.models import Browse, Listing, Page, Sort, Status
from pannier.catalog.schemas import (
    NewProductBody,
    NewVariantBody,
    ProductChangesBody,
    ProductDocument,
    ProductListing,
    ProductPage,
    ProductStock,
    VariantChangesBody,
)
from pannier.catalog.service import CatalogService, Cause
from pannier.kernel.money import AMOUNT_MAX
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    KeyHeader,
    key_of,
    replay_headers,
)
from pannier.platform.principal import ForbiddenError, LoginRequiredError, Principal, require_role
from pannier.platform.problems import ValidationFailedError, problem_responses

Browser = Annotated[ProductBrowser, Depends(service_of(ProductBrowser))]
Catalog = Annotated[CatalogService, Depends(service_of(CatalogService))]
Staff = Annotated[Principal, Depends(require_role("staff"))]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=2_000, description="`next_cursor` of the page before.")]
Category = Annotated[str | None, Query(max_length=255, description="Slug of a category.")]
_PLAIN = r"^[^\x00]*$"
_Named = StringConstraints(pattern=_PLAIN, min_length=1, max_length=255)
Text = Annotated[
    str,
    Query(
        max_length=200,
        pattern=_PLAIN,
        description="Words that must all occur, in any order; the last may be the beginning of one.",
    ),
]
FilledText = Annotated[Text, Query(min_length=1)]
Categories = Annotated[list[Annotated[str, _Named]], Query(max_length=20, description="Slugs; any will do.")]
Tags = Annotated[list[Annotated[str, _Named]], Query(max_length=20, description="Tags; any will do.")]
Options = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[^\x00=]+=[^\x00]+$", max_length=255)]],
    Query(max_length=20, description="As `Colour=Red`: of the values of one option any will do."),
]
Amount = Annotated[
    int | None, Query(ge=0, le=AMOUNT_MAX, description="Minor units: a variant must cost no less, no more.")
]
InStock = Annotated[bool, Query(description="Only what can be had now.")]
OnSale = Annotated[bool, Query(description="Only what costs less than it did.")]
SortName = Annotated[Sort | None, Query(description="`relevance` with words, `featured` without.")]
SlugOrId = Annotated[str, Path(max_length=255, description="The product's slug, or its id.")]
_KEY_ERRORS = (IdempotencyConflictError, IdempotencyInFlightError, ValidationFailedError)
_STAFF_ERRORS = (LoginRequiredError, ForbiddenError)

router = APIRouter(prefix="/products", tags=["products"])
admin_router = APIRouter(prefix="/admin", tags=["admin"])


def _wanted(
    category: Categories = [],  # noqa: B006 # FastAPI copies it
    tag: Tags = [],  # noqa: B006 # the same
    option: Options = [],  # noqa: B006 # the same
    price_min: Amount = None,
    price_max: Amount = None,
    in_stock: InStock = False,
    on_sale: OnSale = False,
    sort: SortName = None,
) -> Browse:
    if price_min is not None and price_max is not None and price_min > price_max:
        raise ValidationFailedError.of([("price_max", "Must not be less than price_min")])
    return Browse("", tuple(category), tuple(tag), tuple(option), price_min, price_max, in_stock, on_sale,
                  sort or "relevance")  # fmt: skip


Wanted = Annotated[Browse, Depends(_wanted)]


@router.get("", response_model=ProductListing, responses=problem_responses(InvalidCursorError, ValidationFailedError))
async def list_products(
    browser: Browser, wanted: Wanted, q: Text = "", cursor: Cursor = None, limit: Limit = 24
) -> Response:
    """What is on show: searched, filtered and sorted. Without anything of it, all in the order of the catalogue."""
    found = await browser.browse(dataclasses.replace(wanted, text=q), cursor=cursor, limit=limit)
    return _listing(found)


@router.get(
    "/search", response_model=ProductListing, responses=problem_responses(InvalidCursorError, ValidationFailedError)
)
async def search_products(
    browser: Browser, wanted: Wanted, q: FilledText, cursor: Cursor = None, limit: Limit = 24
) -> Response:
    """The same for who looks for something: `q` is needed."""
    found = await browser.browse(dataclasses.replace(wanted, text=q), cursor=cursor, limit=limit)
    return _listing(found)


@router.get("/{slug_or_id}", responses=problem_responses(ProductNotFoundError, ValidationFailedError))
async def get_product(slug_or_id: SlugOrId, catalog: Catalog) -> ProductDocument:
    """A product with its variants, prices and live stock."""
    return view.show_product(await catalog.get_product(_key(slug_or_id)))


@router.get("/{slug_or_id}/inventory", responses=problem_responses(ProductNotFoundError, ValidationFailedError))
async def get_product_inventory(slug_or_id: SlugOrId, catalog: Catalog) -> ProductStock:
    """What can be had of a product's variants now."""
    return view.show_stock(await catalog.get_product(_key(slug_or_id)))


@admin_router.get("/products", responses=problem_responses(*_STAFF_ERRORS, InvalidCursorError, ValidationFailedError))
async def list_all_products(
    catalog: Catalog,
    _: Staff,
    cursor: Cursor = None,
    limit: Limit = 24,
    category: Category = None,
    status: Status | None = None,
) -> ProductPage:
    """All products, drafts and archived ones too."""
    return _page(
        await catalog.list_products(cursor=cursor, limit=limit, category=category, status=status, is_staff=True)
    )


@admin_router.get(
    "/products/{product_id}", responses=problem_responses(*_STAFF_ERRORS, ProductNotFoundError, ValidationFailedError)
)
async def get_any_product(product_id: SlugOrId, catalog: Catalog, _: Staff) -> ProductDocument:
    """A product whatever its status, with variants that are off sale."""
    return view.show_product(await catalog.get_product(_key(product_id), is_staff=True))


@admin_router.post(
    "/products",
    status_code=201,
    response_model=ProductDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, SlugTakenError, DuplicateVariantError, InvalidProductError, *_KEY_ERRORS
    ),
)
async def create_product(
    body: NewProductBody, request: Request, catalog: Catalog, staff: Staff, key: KeyHeader = None
) -> Response:
    """Make a product with its variants, their prices and what is in stock of them."""
    cause = _cause(request, staff)
    return _answer(
        await catalog.once(
            await _request_key(request, staff, key),
            lambda connection: catalog.create_product(intake.new_product(body), cause, connection),
            status=201,
        )
    )


@admin_router.patch(
    "/products/{product_id}",
    response_model=ProductDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, ProductNotFoundError, SlugTakenError, InvalidProductError, *_KEY_ERRORS
    ),
)
async def update_product(
    product_id: uuid.UUID,
    body: ProductChangesBody,
    request: Request,
    catalog: Catalog,
    staff: Staff,
    key: KeyHeader = None,
) -> Response:
    """Change what is sent of a product; carts show it at once."""
    cause = _cause(request, staff)
    return _answer(
        await catalog.once(
            await _request_key(request, staff, key),
            lambda connection: catalog.update_product(product_id, intake.changes(body), cause, connection),
        )
    )


@admin_router.post(
    "/products/{product_id}/variants",
    status_code=201,
    response_model=ProductDocument,
    responses=problem_responses(
        *_STAFF_ERRORS, ProductNotFoundError, DuplicateVariantError, InvalidProductError, *_KEY_ERRORS
    ),
)
async def add_variant(
    product_id: uuid.UUID,
    body: NewVariantBody,
    request: Request,
    catalog: Catalog,
    staff: Staff,
    key: KeyHeader = None,
) -> Response:
    """Give a product one more variant."""
    cause = _cause(request, staff)
    return _answer(
        await catalog.once(
            await _request_key(request, staff, key),
            lambda connection: catalog.add_variant(product_id, intake.new_variant(body), cause, connection),
            status=201,
        )
    )


@admin_router.patch(
    "/variants/{variant_id}",
    response_model=ProductDocument,
    responses=problem_responses(*_STAFF_ERRORS, VariantNotFoundError, InvalidProductError, *_KEY_ERRORS),
)
async def update_variant(
    variant_id: uuid.UUID,
    body: VariantChangesBody,
    request: Request,
    catalog: Catalog,
    staff: Staff,
    key: KeyHeader = None,
) -> Response:
    """Change what is sent of a variant, its price included; carts show the new price at once."""
    cause = dataclasses.replace(_cause(request, staff), reason=body.reason)
    return _answer(
        await catalog.once(
            await _request_key(request, staff, key),
            lambda connection: catalog.update_variant(variant_id, intake.changes(body), cause, connection),
        )
    )


def _key(slug_or_id: str) -> str | uuid.UUID:
    try:
        found = uuid.UUID(slug_or_id)
    except ValueError:
        return slug_or_id
    # Thirty-two hexadecimal digits without hyphens are somebody's slug.
    return found if str(found) == slug_or_id.lower() else slug_or_id


def _page(page: Page) -> ProductPage:
    return ProductPage(products=[view.show_page_card(card) for card in page.products], next_cursor=page.next_cursor)


def _listing(found: Listing) -> Response:
    # Encoded once: FastAPI would look at every card a second time.
    return Response(view.show_listing(found).model_dump_json(), media_type="application/json")


def _cause(request: Request, staff: Principal) -> Cause:
    context: RequestContext = request.scope["pannier"]
    return Cause(staff.user_id or staff.kind, staff.device, context.request_id)


async def _request_key(request: Request, staff: Principal, key: str | None) -> Key | None:
    if key is None:
        return None
    return key_of(staff, key, method=request.method, target=request.scope["path"], body=await request.body())


def _answer(answer: Answer) -> Response:
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")
