"""What is wrong with settings that are each valid: combinations without effect, and what is weak in production."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pannier.platform.settings import Settings

#: Tells uvicorn whose word on the client's address to believe: where it is set, there is a proxy.
PROXY_VARIABLE = "FORWARDED_ALLOW_IPS"
_TOKEN_CHARACTERS_MIN = 8
_GUESSED_FIRST = ("password", "changeme", "change-me", "secret", "letmein", "12345678", "put-the-output", "example")
_PASSWORDS_GUESSED_FIRST = {"", "postgres", "password", "pannier", "changeme", "secret", "admin", "root", "test"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do; only a problem keeps the shop from working."""

    about: str
    status: Literal["ok", "note", "problem"]
    found: str
    advice: str = ""


def is_public(settings: Settings) -> bool:
    """Whether others than this machine reach the shop directly."""
    try:
        return not ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return settings.host != "localhost"


def combinations(settings: Settings) -> Iterator[Finding]:
    """Settings that contradict each other, or have no effect beside each other."""
    for is_so, told, advice in (
        (
            settings.hold_cap_s < settings.hold_ttl_s,
            "PANNIER_HOLD_CAP_S is shorter than PANNIER_HOLD_TTL_S",
            "No hold is ever extended. Raise the cap, or lower the other.",
        ),
        (
            settings.database_lock_timeout_s >= settings.database_statement_timeout_s,
            "PANNIER_DATABASE_LOCK_TIMEOUT_S is not shorter than PANNIER_DATABASE_STATEMENT_TIMEOUT_S",
            "Whoever waits for a lock is cut off as too slow. Lower the first to a few seconds.",
        ),
        (
            settings.shipping_free_from_minor is not None and settings.shipping_flat_minor == 0,
            "PANNIER_SHIPPING_FREE_FROM_MINOR has no effect, since shipping costs nothing",
            "Set PANNIER_SHIPPING_FLAT_MINOR to what it costs, in minor units: 1599 is 15.99.",
        ),
        (
            0 < settings.cart_max_items < settings.cart_max_quantity_per_item,
            "PANNIER_CART_MAX_QUANTITY_PER_ITEM is above PANNIER_CART_MAX_ITEMS, which is reached first",
            "Lower it, or raise PANNIER_CART_MAX_ITEMS.",
        ),
        (
            not settings.enable_guest_carts and settings.guest_checkout,
            "PANNIER_GUEST_CHECKOUT has no effect, since guests have no carts",
            "Set PANNIER_ENABLE_GUEST_CARTS=true, or PANNIER_GUEST_CHECKOUT=false so that nobody wonders.",
        ),
        (
            settings.database_url is not None and "data_dir" in settings.model_fields_set,
            "PANNIER_DATA_DIR has no effect beside PANNIER_DATABASE_URL, which names another database",
            "Unset the one that is not meant.",
        ),
        (
            settings.workers > 2 * (os.cpu_count() or 1),
            f"PANNIER_WORKERS is {settings.workers}, and this machine has {os.cpu_count()} processors",
            "More than two for each only cost memory and connections.",
        ),
    ):
        if is_so:
            yield Finding("combination", "note", told, advice)


def weaknesses(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """What is fine on a desk and is not in production. A problem only where others reach the shop."""
    public = is_public(settings)
    has_proxy = PROXY_VARIABLE in environment
    if (public or has_proxy) and not settings.cart_cookie_secure:
        where = f"the shop listens on {settings.host}" if public else f"{PROXY_VARIABLE} names a proxy"
        yield Finding(
            "cookies",
            "note",
            f"{where}, and its cart cookie is sent over plain HTTP, too",
            "Behind HTTPS, set PANNIER_CART_COOKIE_SECURE=true.",
        )
    if public and settings.cart_cookie_secure and not has_proxy:
        yield Finding(
            "cookies",
            "note",
            "the cart cookie is sent over HTTPS only, and no proxy is named that speaks HTTPS",
            f"Put one in front and name it in {PROXY_VARIABLE}; without HTTPS every page begins with an empty cart.",
        )
    token = settings.admin_token.get_secret_value() if settings.admin_token else None
    if token is not None and is_guessable(token):
        yield Finding(
            "staff",
            "problem" if public else "note",
            "PANNIER_ADMIN_TOKEN is easily guessed",
            "It opens every staff route. Take another one: openssl rand -base64 24",
        )
    if public and settings.log_level == "DEBUG":
        yield Finding("log", "note", "PANNIER_LOG_LEVEL is DEBUG", "It is slow and tells much. INFO is for production.")
    if public and hasattr(os, "geteuid") and os.geteuid() == 0:
        yield Finding(
            "user",
            "note",
            "this is root, and the shop listens to others",
            "Run it as a user of its own; docs/howto/run-in-production.md has the unit.",
        )
    if settings.database_url is not None:
        yield from _of_address(settings.database_url)


def is_guessable(token: str) -> bool:
    """Whether somebody who guesses would come upon it: few different characters, or a word that is tried first."""
    return len(set(token)) < _TOKEN_CHARACTERS_MIN or any(word in token.lower() for word in _GUESSED_FIRST)


def is_remote(url: str) -> bool:
    """Whether the way to the database leaves this machine."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    if not host or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _of_address(url: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.password is None or not is_remote(url):
        return
    if parts.password.lower() in _PASSWORDS_GUESSED_FIRST | {(parts.username or "").lower()}:
        yield Finding(
            "password",
            "problem",
            "the password in PANNIER_DATABASE_URL is one of those that are tried first",
            "Change it: \\password in psql as that user, then in PANNIER_DATABASE_URL.",
        )
