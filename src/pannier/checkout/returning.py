"""Where a provider's page leads back to: nowhere but to the shop, and to sites that may ask it."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from pannier.platform.problems import ValidationFailedError


def checked_return(url: str, origins: Collection[str]) -> str:
    """The address, if shoppers may be sent there. Raises ValidationFailedError."""
    is_clean = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if is_clean and url.startswith("/") and not url.startswith("//"):
        return url
    if is_clean and _origin_of(url) in origins:
        return url
    raise ValidationFailedError.of(
        [("return_url", "must be a path of the shop, or an address at an origin that may use it")]
    )


def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme in {"http", "https"} else None
