"""Every setting of a shop. Each is an environment variable `PANNIER_<NAME>`; each has a default that works.

The files beside this one have the settings of one kind each, and `Settings` is all of them.
docs/reference/settings.md lists them, and a test compares it with this package.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from pannier.platform.settings.access import RATE, RATE_WINDOWS_S, AccessSettings
from pannier.platform.settings.carts import CartSettings, MergeStrategy
from pannier.platform.settings.payments import PaymentSettings
from pannier.platform.settings.people import PeopleSettings
from pannier.platform.settings.prices import PriceSettings
from pannier.platform.settings.providers import ProviderSettings
from pannier.platform.settings.serving import ServingSettings
from pannier.platform.settings.shop import CommitAt, HoldAt, ShopSettings

__all__ = ["RATE", "RATE_WINDOWS_S", "CommitAt", "HoldAt", "MergeStrategy", "Settings"]
_LEASE_MARGIN_S = 3.0


# The last base comes first where settings are listed.
class Settings(
    ProviderSettings,
    PriceSettings,
    CartSettings,
    PaymentSettings,
    ShopSettings,
    PeopleSettings,
    AccessSettings,
    ServingSettings,
):
    """A shop's settings, read once and never changed."""

    @property
    def lease_s(self) -> float:
        """Seconds after which a completion that was left by a crash is taken over."""
        return self.completion_lease_s or self._payment_s + _LEASE_MARGIN_S

    @property
    def _payment_s(self) -> float:
        # Whoever pays asks twice and then waits for a lock; taken over before that, his payment would be given up.
        return 2 * self.payment_timeout_s + self.database_lock_timeout_s

    @model_validator(mode="after")
    def _lease_outlasts_a_payment(self) -> Self:
        if self.completion_lease_s is not None and self.completion_lease_s <= self._payment_s:
            raise ValueError(
                f"PANNIER_COMPLETION_LEASE_S has to be more than {self._payment_s:g}: twice PANNIER_PAYMENT_TIMEOUT_S "
                "and PANNIER_DATABASE_LOCK_TIMEOUT_S"
            )
        return self
