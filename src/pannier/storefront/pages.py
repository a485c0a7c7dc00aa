"""Turning templates into pages, with the headers every page has; refusals too, which look like the shop."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from pannier.kernel.errors import PannierError
from pannier.platform.migrate import shipped
from pannier.platform.origin import ForeignFormError
from pannier.platform.problems import Problem, status_of
from pannier.platform.rate_limits import RateLimitedError
from pannier.platform.settings import Settings
from pannier.storefront import texts
from pannier.storefront.assets import Assets

HTML = "text/html; charset=utf-8"
#: Nothing is loaded but what is named. Pictures of imported catalogues stand on other hosts.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' https:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Not `no-referrer`, with which browsers send `Origin: null` from our own forms as well.
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Vary": "Cookie",
}
_HSTS = "max-age=31536000"
# Whoever asks here is a program, and gets problem details whatever it accepts.
_FOR_PROGRAMS = ("/api/", "/health/", "/metrics", "/a/", "/pictures/")

# The outline of the sign, in a square of 24 by 24.
_HEART = (
    "M12 20.5C7 16.6 3.5 13.4 3.5 9.4A4.6 4.6 0 0 1 8.1 4.8c1.6 0 3 .8 3.9 2.1.9-1.3 2.3-2.1 3.9-2.1"
    "a4.6 4.6 0 0 1 4.6 4.6c0 4-3.5 7.2-8.5 11.1Z"
)

_TOLD: Mapping[int, tuple[str, str]] = {
    403: ("That did not come from our shop", "Nothing was done. Go back to the shop and send the form from there."),
    404: ("We cannot find that page", "It may have moved, or the product is no longer on show."),
    405: ("That address is for forms", "Nothing was done. Start again from the shop."),
    410: ("That page is gone", "Its time is over. Your cart is still there."),
    413: ("That was too much", "What you sent is larger than we can take. Send less of it."),
    415: ("We cannot read that", "Nothing was done. Go back to the shop and send the form from there."),
    422: ("We cannot read that", "Something in the form is not what it should be. Go back and try again."),
    429: ("One moment, please", "You were faster than we can answer. Nothing was done, and nothing is lost."),
    500: (
        "Something went wrong on our side",
        "It is not your fault, and your cart is as it was. Try again in a moment.",
    ),
    503: ("We are back in a moment", "The shop cannot answer just now. Your cart is safe. Please try again."),
}


class Pages:
    """The templates and assets of one shop; it needs no database, so it can say that there is none."""

    def __init__(self, settings: Settings) -> None:
        directory = shipped("web")
        self.settings = settings
        self.assets = Assets(directory / "static")
        # All are read now, so that an update under a running shop mixes no versions; each is compiled when it is first
        # shown, since together they take as long as the rest of a start.
        templates = {file.name: file.read_text(encoding="utf-8") for file in (directory / "templates").glob("*.html")}
        self._environment = Environment(
            loader=DictLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            day=texts.day, money=texts.money, clean_html=texts.clean_html, options_text=texts.options_text
        )
        self._environment.globals.update(
            flag_texts=texts.flag_texts,
            percent_off=texts.percent_off,
            order_states=texts.ORDER_STATES,
            return_states=texts.RETURN_STATES,
            payment_methods=texts.PAYMENT_METHODS,
            tender_names=texts.TENDERS,
            shop_name=settings.shop_name,
            heart_shape=_HEART,
            has_accounts=settings.enable_accounts,
            currency=settings.currency,
        )

    def render(self, template: str, root_path: str, **values: Any) -> bytes:
        """A page as bytes. `at(path)` in a template is the path below the prefix of the mount."""
        return (
            self._environment.get_template(template)
            .render(
                at=lambda path: f"{root_path}{path}",
                asset=functools.partial(self.assets.address, root_path=root_path),
                picture=functools.partial(self.assets.picture, root_path=root_path),
                **values,
            )
            .encode()
        )

    @property
    def headers(self) -> dict[str, str]:
        """What every page is sent with."""
        return {**_HEADERS, **({"Strict-Transport-Security": _HSTS} if self.settings.cart_cookie_secure else {})}

    def problem(self, scope: Mapping[str, Any], error: PannierError, request_id: str | None) -> Problem | None:
        """The refusal as a page, for a browser that asked for one; None where problem details are right."""
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        root_path: str = scope.get("root_path", "")
        path = scope["path"].removeprefix(root_path)
        if b"text/html" not in accept or path.startswith(_FOR_PROGRAMS):
            return None
        status = status_of(error)
        title, text = _TOLD.get(status, (error.title, error.message))
        if status == 403 and not isinstance(error, ForeignFormError):
            title, text = error.title, error.message
        if isinstance(error, RateLimitedError):
            text = f"{text} Try again in {texts.waiting(error.details['retry_after_s'])}."
        body = self.render(
            "error.html",
            root_path,
            status=status,
            title=title,
            text=text,
            request_id=request_id if status >= 500 else None,
            cart_count=None,
            flash=None,
            query="",
        )
        headers = {**error.headers, **self.headers}
        if status == 503:
            headers.setdefault("Retry-After", "1")
        return Problem(status, headers, body, HTML)
