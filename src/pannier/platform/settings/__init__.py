"""Every setting of a shop. Each is an environment variable `PANNIER_<NAME>`; each has a default that works.

The files beside this one have the settings of one kind each, and `Settings` is all of them.
docs/reference/settings.md lists them, and a test compares it with this package.
"""

from __future__ import annotations

from pannier.platform.settings.access import RATE, RATE_WINDOWS_S, AccessSettings
from pannier.platform.settings.carts import CartSettings, MergeStrategy
from pannier.platform.settings.payments import PaymentSettings
from pannier.platform.settings.people import PeopleSettings
from pannier.platform.settings.prices import PriceSettings
from pannier.platform.settings.providers import ProviderSettings
from pannier.platform.settings.serving import ServingSettings
from pannier.platform.settings.shop import CommitAt, HoldAt, ShopSettings

__all__ = ["RATE", "RATE_WINDOWS_S", "CommitAt", "HoldAt", "MergeStrategy", "Settings"]


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
