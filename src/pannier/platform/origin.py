"""Whether a page of this shop sent a request: the one place where that is decided, for forms and for cookies."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pannier.kernel.errors import ErrorKind, PannierError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignFormError(PannierError):
    """The form was not sent by a page of this shop. Open the shop's own page and send it from there."""

    kind = ErrorKind.forbidden
    error = "FOREIGN_FORM"
    code = "WEB_001"
    title = "This form did not come from our shop"


def is_own_form(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of this shop sent the request, by what browsers say and scripts cannot change.

    `Sec-Fetch-Site` decides where there is one; else `Origin`, else `Referer` has to name this host. Scheme and
    port-less defaults are not compared, as a proxy in front ends the encryption. A request that says nothing is no
    browser's; it is taken as long as it brings no cookie, and so speaks for nobody.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in {b"same-origin", b"none"}
    for name in (b"origin", b"referer"):
        source = headers.get(name)
        if source is not None:
            return _host_of(source) == headers.get(b"host", b"").decode("latin-1").lower() != ""
    return b"cookie" not in headers


def check_form(method: str, headers: Mapping[bytes, bytes]) -> None:
    """Raise ForeignFormError for a change that another site's page asks for."""
    if method not in SAFE_METHODS and not is_own_form(headers):
        raise ForeignFormError("Your browser says that another site sent this form, so nothing was done.")


def _host_of(source: bytes) -> str:
    try:
        return urlsplit(source.decode("latin-1")).netloc.lower()
    except ValueError:
        return ""
