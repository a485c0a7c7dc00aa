"""The providers that a shop asks, with what counts when they give no answer: the shop's own tables, and a word of it.

Nothing of this happens inside a transaction; the HTTP client would refuse.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pannier.platform.outside import OutsideService, outside_service
from pannier.platform.settings import Settings
from pannier.pricebook.adapters.http import HttpPriceProvider, HttpTaxProvider
from pannier.pricebook.external import fault_of, tax_question, with_taxes
from pannier.pricebook.ports import (
    PriceProvider,
    PriceQuestion,
    ProviderError,
    TaxAnswer,
    TaxProvider,
    TaxQuestion,
)
from pannier.pricing import Quote, QuoteMessage, Shopper


@dataclass(slots=True)
class Providers:
    """Who is asked for taxes and prices; None: the shop's own tables are all there is."""

    tax: TaxProvider | None = None
    price: PriceProvider | None = None
    _services: list[OutsideService] = field(default_factory=list)

    async def prices(self, question: PriceQuestion) -> tuple[Mapping[str, int], Sequence[QuoteMessage]]:
        """Unit prices by variant that count before the shop's own, and what there is to tell."""
        if self.price is None or not question.items:
            return {}, ()
        try:
            return await self.price.prices(question), ()
        except ProviderError as problem:
            text = f"The price provider gave no answer ({problem}); these are the shop's own prices."
            return {}, (QuoteMessage("PRICE_PROVIDER_UNAVAILABLE", text),)

    async def taxed(
        self,
        quoted: Quote,
        variants: Mapping[uuid.UUID, str],
        destination: Mapping[str, Any] | None,
        shopper: Shopper | None,
        on: date,
    ) -> Quote:
        """The quote with the provider's taxes, or as it is; a message says which."""
        if self.tax is None or not quoted.lines:
            return quoted
        answer, reason = await self.taxes(tax_question(quoted, variants, destination, shopper, on))
        if answer is None:
            return quoted._replace(messages=(*quoted.messages, QuoteMessage("TAX_PROVIDER_UNAVAILABLE", reason)))
        told = QuoteMessage("TAX_BY_PROVIDER", "Taxes are those that the shop's tax provider named.")
        return with_taxes(quoted, answer)._replace(messages=(*quoted.messages, told))

    async def taxes(self, question: TaxQuestion) -> tuple[TaxAnswer | None, str]:
        """The provider's taxes, which fit the question; or None, and why the shop's own rates count."""
        if self.tax is None:
            return None, "There is no tax provider."
        try:
            answer = await self.tax.taxes(question)
            fault = fault_of(question, answer)
            if fault is not None:
                raise ProviderError(fault)
        except ProviderError as problem:
            return None, f"The tax provider gave no answer ({problem}); these are the shop's own rates."
        return answer, ""

    async def close(self) -> None:
        """Close what is open."""
        for service in self._services:
            await service.close()


def open_providers(settings: Settings) -> Providers:
    """The providers that the settings name. Nobody is asked yet."""
    providers = Providers()
    if settings.tax_provider_url is not None:
        service = outside_service("tax provider", settings.tax_provider_url, settings.tax_provider_token, settings)
        providers.tax = HttpTaxProvider(service)
        providers._services.append(service)  # noqa: SLF001 # made here, a few lines above
    if settings.price_provider_url is not None:
        service = outside_service(
            "price provider", settings.price_provider_url, settings.price_provider_token, settings
        )
        providers.price = HttpPriceProvider(service)
        providers._services.append(service)  # noqa: SLF001 # the same
    return providers
