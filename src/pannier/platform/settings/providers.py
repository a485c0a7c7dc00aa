"""Services of others that a shop may ask, and how long they are waited for."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from pannier.platform.settings.base import SettingsPart

_ADDRESS = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"


class ProviderSettings(SettingsPart):
    """None of them is asked unless it is named here."""

    # Providers
    tax_provider_url: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Address of a service that names the taxes of baskets; docs/howto/taxes.md has its protocol.",
    )
    tax_provider_token: SecretStr | None = Field(None, description="Sent to it as Authorization: Bearer.")
    price_provider_url: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Address of a service that names prices of goods; docs/howto/currencies.md has its protocol.",
    )
    price_provider_token: SecretStr | None = Field(None, description="Sent to it as Authorization: Bearer.")
    vies_url: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Where VAT ids of the EU are looked up: https://ec.europa.eu/taxation_customs/vies/rest-api; "
        "without it format and check digits are all that is looked at.",
    )
    order_service_url: str | None = Field(
        None,
        pattern=_ADDRESS,
        description="Address of a service that is told of every event of every order; docs/howto/order-service.md has "
        "its protocol.",
    )
    order_service_secret: SecretStr | None = Field(
        None, min_length=16, description="What it is told is signed with; shared with it."
    )
    provider_timeout_s: float = Field(
        2.0, gt=0, le=60, description="Seconds that each of them is waited for, all tries together."
    )
    provider_attempts_max: int = Field(3, ge=1, le=10, description="Most tries within that time.")
    provider_failures_max: int = Field(
        5, ge=1, le=1000, description="Failures in a row after which it is not asked for a while."
    )
    provider_pause_s: float = Field(30.0, gt=0, le=3600, description="How long that while is, in seconds.")

    @model_validator(mode="after")
    def _order_service_shares_a_secret(self) -> Self:
        if self.order_service_url is not None and self.order_service_secret is None:
            raise ValueError("order_service_url needs PANNIER_ORDER_SERVICE_SECRET")
        return self
