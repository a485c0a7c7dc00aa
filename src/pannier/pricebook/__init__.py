"""The shop's price book: what its tables of promotions, tax and shipping come to, kept current in every process."""

from pannier.pricebook.external import tax_question, with_taxes
from pannier.pricebook.house import GIFTS_INTERVAL_S, PriceHouse
from pannier.pricebook.loading import open_house, sold_currencies
from pannier.pricebook.ports import (
    PriceProvider,
    PriceQuestion,
    PriceQuestionItem,
    ProviderError,
    ProviderTax,
    TaxAnswer,
    TaxProvider,
    TaxQuestion,
)
from pannier.pricebook.providers import Providers, open_providers

__all__ = [
    "GIFTS_INTERVAL_S",
    "PriceHouse",
    "PriceProvider",
    "PriceQuestion",
    "PriceQuestionItem",
    "ProviderError",
    "ProviderTax",
    "Providers",
    "TaxAnswer",
    "TaxProvider",
    "TaxQuestion",
    "open_house",
    "open_providers",
    "sold_currencies",
    "tax_question",
    "with_taxes",
]
