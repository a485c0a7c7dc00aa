"""The shop's price book: what its tables of promotions, tax and shipping come to, kept current in every process."""

from pannier.pricebook.house import GIFTS_INTERVAL_S, PriceHouse
from pannier.pricebook.loading import open_house
from pannier.pricebook.ports import PriceProvider, PriceQuestion, PriceQuestionItem, ProviderError, TaxProvider
from pannier.pricebook.providers import Providers, open_providers

__all__ = [
    "GIFTS_INTERVAL_S",
    "PriceHouse",
    "PriceProvider",
    "PriceQuestion",
    "PriceQuestionItem",
    "ProviderError",
    "Providers",
    "TaxProvider",
    "open_house",
    "open_providers",
]
