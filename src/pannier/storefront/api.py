"""The routes of the pages. They are not part of the API, so its description does not name them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pannier.platform.origin import check_form
from pannier.platform.problems import RouteNotFoundError
from pannier.storefront import (
    account_pages,
    cart_pages,
    checkout_pages,
    customer_pages,
    order_pages,
    payment_pages,
    pricing_pages,
    product_pages,
    shared_pages,
    undo_pages,
    wishlist_pages,
)
from pannier.storefront.assets import IMMUTABLE, PICTURE_WIDTHS, Asset
from pannier.storefront.pages import Pages
from pannier.storefront.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]

_DAY = "public, max-age=86400"
_ROUTES: Sequence[tuple[str, str, Handler]] = (
    ("GET", "/", product_pages.list_products),
    ("GET", "/p/{slug}", product_pages.show_product),
    ("GET", "/cart", cart_pages.show_cart),
    ("POST", "/cart/items", cart_pages.add_item),
    ("POST", "/cart/items/{line_id}", cart_pages.change_line),
    ("POST", "/cart/selection", cart_pages.select_lines),
    ("POST", "/cart/accept", cart_pages.accept_changes),
    ("GET", "/cart/coupons", pricing_pages.back_to_cart),
    ("POST", "/cart/coupons", pricing_pages.enter_code),
    ("GET", "/cart/coupons/remove", pricing_pages.back_to_cart),
    ("POST", "/cart/coupons/remove", pricing_pages.remove_code),
    ("GET", "/cart/destination", pricing_pages.back_to_cart),
    ("POST", "/cart/destination", pricing_pages.set_destination),
    ("GET", "/cart/shipping-method", pricing_pages.back_to_cart),
    ("POST", "/cart/shipping-method", pricing_pages.choose_method),
    ("POST", "/undo", undo_pages.undo),
    ("GET", "/wishlist", wishlist_pages.show_wishlist),
    ("POST", "/wishlist/hearts", wishlist_pages.press_heart),
    ("POST", "/wishlist/from-cart/{line_id:uuid}", wishlist_pages.move_from_cart),
    ("POST", "/wishlist/lists", wishlist_pages.create_list),
    ("POST", "/wishlist/lists/{wishlist_id:uuid}", wishlist_pages.change_list),
    ("POST", "/wishlist/lists/{wishlist_id:uuid}/items/{item_id:uuid}", wishlist_pages.change_item),
    ("GET", "/wishlist/shared/{token}", shared_pages.show_shared),
    ("POST", "/wishlist/shared/{token}", shared_pages.copy_shared),
    ("GET", "/wishlist/unsubscribe", shared_pages.show_unsubscribe),
    ("POST", "/wishlist/unsubscribe", shared_pages.unsubscribe),
    ("GET", "/checkout", checkout_pages.enter),
    ("POST", "/checkout", checkout_pages.begin),
    ("GET", "/checkout/{checkout_id:uuid}", checkout_pages.show_checkout),
    ("POST", "/checkout/{checkout_id:uuid}", checkout_pages.send_checkout),
    ("GET", "/checkout/{checkout_id:uuid}/back", payment_pages.come_back),
    ("GET", "/pay/test/{reference}", payment_pages.show_gateway),
    ("POST", "/pay/test/{reference}", payment_pages.choose_at_gateway),
    ("GET", "/orders/{number}", checkout_pages.show_order),
    ("POST", "/orders/{number}", order_pages.change_order),
    ("GET", "/orders/{number}/back", order_pages.come_back),
    ("GET", "/orders/{number}/invoice", order_pages.show_invoice),
    ("GET", "/account", customer_pages.show_account),
    ("POST", "/account/addresses", customer_pages.save_address),
    ("POST", "/account/addresses/{address_id}", customer_pages.change_address),
    ("POST", "/account/sessions", customer_pages.end_sessions),
    ("POST", "/account/privacy", customer_pages.privacy),
    ("GET", "/account/login", account_pages.show_login),
    ("POST", "/account/login", account_pages.login),
    ("POST", "/account/logout", account_pages.logout),
    ("GET", "/account/register", account_pages.show_register),
    ("POST", "/account/register", account_pages.register),
    ("GET", "/account/forgot", account_pages.show_forgot),
    ("POST", "/account/forgot", account_pages.forgot),
    ("GET", "/account/reset", account_pages.show_reset),
    ("POST", "/account/reset", account_pages.reset),
    ("GET", "/account/verify", account_pages.show_verify),
    ("POST", "/account/verify", account_pages.verify),
)


def storefront_router(pages: Pages) -> APIRouter:
    """The pages of one shop, at its root."""
    router = APIRouter(include_in_schema=False)
    for method, path, handler in _ROUTES:
        router.add_route(path, _endpoint(pages, handler), [method], include_in_schema=False)
    router.add_route("/a/{version}/{name:path}", _versioned(pages), ["GET"], include_in_schema=False)
    router.add_route("/pictures/{name}", _picture(pages), ["GET"], include_in_schema=False)
    return router


def _endpoint(pages: Pages, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = Visit(request, pages)
        # Before the form is read: what a foreign page sent is of no interest.
        check_form(request.method, request.scope["pannier"].headers)
        return await handler(visit)

    return answer


def _versioned(pages: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def asset(request: Request) -> Response:
        found = pages.assets.find(request.path_params["name"])
        if found is None:
            raise RouteNotFoundError("There is no such file.")
        # A page of before an update may ask for the files of then: it gets today's, but not for ever.
        is_current = request.path_params["version"] == pages.assets.version
        return _file(request, found, IMMUTABLE if is_current else "no-cache")

    return asset


def _picture(pages: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def picture(request: Request) -> Response:
        name = request.path_params["name"].removesuffix(".webp")
        found = pages.assets.find(f"pictures/{name}-{PICTURE_WIDTHS[-1]}.webp")
        if found is None:
            raise RouteNotFoundError("There is no such picture.")
        return _file(request, found, _DAY)

    return picture


def _file(request: Request, asset: Asset, cache_control: str) -> Response:
    # They show on whichever site the shop's products do.
    headers = {"Cache-Control": cache_control, "Cross-Origin-Resource-Policy": "cross-origin"}
    body = asset.body
    if asset.gzipped is not None:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = asset.gzipped
    return Response(body, 200, headers, asset.content_type)
