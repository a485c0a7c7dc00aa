"""Who may come in, and how often."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from pannier.platform.settings.base import SettingsPart, check_long

RATE_WINDOWS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
#: Requests in a window: `600/minute`, `20/5 minutes`.
RATE = r"([1-9][0-9]{0,9}) ?/ ?(?:([1-9][0-9]{0,3}) )?(second|minute|hour|day)s?"
Rate = Annotated[str, Field(pattern=f"^{RATE}$")]
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


class AccessSettings(SettingsPart):
    """Credentials of staff and server, other sites, limits and proxies."""

    # Access
    admin_token: SecretStr | None = Field(
        None,
        description="Bearer token that opens the staff routes; without it they are closed. At least 16 characters.",
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="Origins of other sites whose scripts may use the API with the shopper's cookies, as JSON: "
        '["https://www.example.com"]; none by default, and never all.',
    )
    session_secret: SecretStr | None = Field(
        None,
        description="Key that signs customers' tokens, at least 32 characters; without it one is made and kept in the "
        "database. Changing it signs everybody out.",
    )

    # Rate limits
    rate_limits: bool = Field(True, description="Whether requests are counted, and refused with 429 above a limit.")
    rate_limit_reads: Rate = Field(
        "600/minute", description="What one caller may read: pages, products, carts. Such as `20/5 minutes`."
    )
    rate_limit_search: Rate = Field(
        "120/minute", description="The same for searching and filtering products, and pricing baskets."
    )
    rate_limit_writes: Rate = Field("240/minute", description="The same for changes of carts and all other writes.")
    rate_limit_checkout: Rate = Field("60/minute", description="The same for steps of the checkout and orders.")
    rate_limit_forms: Rate = Field("120/minute", description="The same for forms of the shop's pages.")
    rate_limit_staff: Rate = Field("1200/minute", description="The same for the staff routes.")
    rate_limit_auth: Rate = Field(
        "30/minute",
        description="Tries to sign in, and staff routes asked without a staff credential; counted by address only.",
    )
    rate_limit_address_factor: int = Field(
        10, ge=1, le=10_000, description="How many times a caller's limit one address has, for all callers behind it."
    )
    redis_url: SecretStr | None = Field(
        None,
        description="A Redis in which all processes count together: redis://, rediss://, redis+unix://, "
        "redis+sentinel:// or redis+cluster://. Without it each counts by itself.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Networks of the proxies in front that are believed when they name the client, as JSON: "
        '["10.0.0.0/8", "::1/128"].',
    )
    proxy_header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for", description="The header in which those proxies name the client."
    )

    @field_validator("admin_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("needs at least 16 characters, for example the output of: openssl rand -base64 24")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"takes origins such as https://www.example.com, without a path or *, not {origin!r}")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "redis+unix://", "redis+sentinel://", "redis+cluster://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError(f"starts with one of {', '.join(schemes)}")
        return value

    @field_validator("session_secret")
    @classmethod
    def _long_key(cls, value: SecretStr | None) -> SecretStr | None:
        return check_long(value)
