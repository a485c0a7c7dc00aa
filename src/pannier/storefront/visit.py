"""One request to a page: who asks, with what form, and the ways to answer."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pannier.cart import CartOwner, CartService
from pannier.kernel.ids import new_form_key
from pannier.platform.hot import RequestContext
from pannier.platform.principal import Principal, cart_cookie
from pannier.platform.settings import Settings
from pannier.storefront.forms import Form, parse_form
from pannier.storefront.pages import HTML, Pages
from pannier.wishlist import Owner, WishlistService

T = TypeVar("T")

FLASH_COOKIE = "pannier_said"
_FLASH_CHARS_MAX = 400
_FLASH_AGE_S = 60


class Flash(msgspec.Struct, array_like=True, frozen=True):
    """What the page after a form says once. `kind` is ok or bad; `line` is the cart line it is about.

    `undo` is what the form of the Undo button sends, where there is one; `to` is the page it leads on to, cart or
    wishlist; order leads nowhere else.
    """

    kind: str
    text: str
    line: str = ""
    undo: str = ""
    to: str = "cart"


class Visit:
    """A request to a page."""

    def __init__(self, request: Request, pages: Pages) -> None:
        self.request = request
        self.pages = pages
        self.settings: Settings = pages.settings
        self._context: RequestContext = request.scope["pannier"]
        self.root_path = self._context.root_path
        self._form: Form | None = None

    @property
    def principal(self) -> Principal:
        return self._context.principal

    @property
    def request_id(self) -> str:
        return self._context.request_id

    @property
    def path(self) -> str:
        """The path and query that were asked for, below the prefix of the mount."""
        url = self.request.url
        path = self.request.scope["path"].removeprefix(self.root_path)
        return f"{path}?{url.query}" if url.query else path

    def service(self, kind: type[T]) -> T:
        """This application's service of that type."""
        return self._context.service(kind)

    async def form(self) -> Form:
        """The form that was sent, read once."""
        if self._form is None:
            content_type = self.request.headers.get("content-type", "")
            self._form = parse_form(content_type, self.path, await self.request.body())
        return self._form

    def owner(self, form: Form | None = None) -> CartOwner:
        """Whose cart it is; with a form, also the token that a new guest's cart gets."""
        principal = self.principal
        if principal.user_id is not None:
            return CartOwner(user_id=principal.user_id)
        if form is None:
            return CartOwner(token=principal.cart_token)
        if principal.cart_token is None:
            # A token of his own from the first click on, or a second one would not be known for the same.
            return CartOwner(token=form.fresh_token())
        return CartOwner(token=principal.cart_token, fresh_token=form.fresh_token())

    @property
    def can_wish(self) -> bool:
        """Whether there is a way for this visitor to a wishlist, be it through signing in."""
        is_known = self.principal.user_id is not None
        return is_known or self.settings.enable_accounts or self.settings.wishlist_login == "optional"

    async def marks(self, variants: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these variants have a full heart."""
        if self.principal.user_id is None and self.settings.wishlist_login == "required":
            return set()
        owner = Owner(self.principal.user_id, self.principal.cart_token)
        return await self.service(WishlistService).marks(owner, variants)

    async def page(self, template: str, *, status: int = 200, cart_count: int | None = None, **values: Any) -> Response:
        """A page of the shop. The badge shows `cart_count`, which is looked up unless it is known."""
        if cart_count is None:
            cart_count = (await self.service(CartService).get(self.owner())).total_quantity
        flash = self._flash()
        values.setdefault("query", "")
        body = self.pages.render(
            template,
            self.root_path,
            cart_count=cart_count,
            flash=flash,
            form_key=new_form_key(),
            here=self.path,
            can_wish=self.can_wish,
            **values,
        )
        response = Response(body, status, self.pages.headers, HTML)
        if FLASH_COOKIE in self.request.cookies:
            self._set_flash(response, "", 0)
        return response

    def redirect(self, path: str, flash: Flash | None = None, *, token: str | None = None) -> Response:
        """On to another page (303), which says `flash` once; `token` is the cart's, for the cookie."""
        response = RedirectResponse(f"{self.root_path}{path}", 303, self.pages.headers)
        if flash is not None:
            said = msgspec.structs.replace(flash, text=flash.text[:_FLASH_CHARS_MAX])
            text = base64.urlsafe_b64encode(msgspec.json.encode(said)).decode().rstrip("=")
            self._set_flash(response, text, _FLASH_AGE_S)
        if token is not None:
            days = self.settings.cart_session_ttl_days
            cookie = cart_cookie(
                self.settings.cart_cookie_name,
                token,
                max_age_s=int(days * 86_400) if days else 400 * 86_400,
                secure=self.settings.cart_cookie_secure,
                root_path=self.root_path,
            )
            response.headers.append("set-cookie", cookie)
        return response

    def _set_flash(self, response: Response, text: str, age_s: int) -> None:
        response.set_cookie(
            FLASH_COOKIE,
            text,
            max_age=age_s,
            path=self.root_path or "/",
            secure=self.settings.cart_cookie_secure,
            httponly=True,
            samesite="lax",
        )

    def _flash(self) -> Flash | None:
        """What the form before this page came to. It is shown as text, whoever may have written it."""
        text = self.request.cookies.get(FLASH_COOKIE, "")
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return msgspec.json.decode(data, type=Flash)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            return None
