"""How the shop is paid, and by whom."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from pannier.platform.settings.base import SettingsPart

_ADDRESS = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"
KNOWN_METHODS = ("invoice", "cash_on_delivery", "bank_transfer", "pay_at_pickup", "stripe", "test")


class PaymentSettings(SettingsPart):
    """Providers are asked between transactions; docs/explanation/payments.md says how."""

    # Payments
    payment_methods: tuple[str, ...] = Field(
        ("invoice", "cash_on_delivery"),
        description='Ways to pay that are offered, as JSON: of "invoice", "cash_on_delivery", "bank_transfer", '
        '"pay_at_pickup", "stripe", and "test", the gateway for trying a shop out, by which anybody pays without '
        "money. With an empty list nothing is sold that costs something.",
    )
    payment_capture: Literal["at_once", "ordered"] = Field(
        "at_once",
        description="When money is taken: with the authorisation, or when the order stands. What comes to no order is "
        "given back, or let go.",
    )
    payment_timeout_s: float = Field(6.0, gt=0, le=60, description="Seconds that a payment provider is waited for.")
    payment_page_ttl_s: float = Field(
        1800.0, ge=60, description="Seconds that a shopper has on the provider's page; the goods are held meanwhile."
    )
    completion_lease_s: float | None = Field(
        None,
        gt=0,
        description="Seconds after which a completion that was left by a crash is taken over. It has to be more than "
        "twice PANNIER_PAYMENT_TIMEOUT_S, since a provider is asked once more, and PANNIER_DATABASE_LOCK_TIMEOUT_S; by "
        "default it is 3 more.",
    )
    completion_resume_interval_s: float = Field(
        2.0, gt=0, description="Seconds between two looks for completions and refunds that somebody has to carry on."
    )
    test_gateway_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="What the test gateway signs its webhooks with; by default every process makes up its own.",
    )

    stripe_secret_key: SecretStr | None = Field(None, description="Stripe's secret key, of an account of the shop.")
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        description="What Stripe signs its webhooks with (whsec_…); they come to /api/v1/payments/stripe/webhook.",
    )
    stripe_api_url: str = Field("https://api.stripe.com", pattern=_ADDRESS, description="Where Stripe is asked.")

    @field_validator("payment_methods")
    @classmethod
    def _known_methods(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(value) - set(KNOWN_METHODS)
        if unknown:
            raise ValueError(f"knows {', '.join(KNOWN_METHODS)}, not {sorted(unknown)}")
        return value

    @model_validator(mode="after")
    def _stripe_has_its_keys(self) -> Self:
        if "stripe" in self.payment_methods and (self.stripe_secret_key is None or self.stripe_webhook_secret is None):
            raise ValueError("stripe needs PANNIER_STRIPE_SECRET_KEY and PANNIER_STRIPE_WEBHOOK_SECRET")
        return self
