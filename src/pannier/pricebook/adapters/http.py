"""Providers that speak a small protocol of JSON over HTTP; docs/howto/taxes.md and currencies.md describe it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from pannier.kernel.money import AMOUNT_MAX
from pannier.platform.outside import OutsideService, OutsideServiceError
from pannier.pricebook.ports import PriceQuestion, ProviderError, ProviderTax, TaxAnswer, TaxQuestion

T = TypeVar("T")
_PERCENT_MAX = 1000


class HttpTaxProvider:
    """A `TaxProvider` at an address: POST /taxes."""

    def __init__(self, service: OutsideService) -> None:
        self._service = service

    async def taxes(self, question: TaxQuestion) -> TaxAnswer:
        """Raises ProviderError."""
        document = {
            "currency": question.currency,
            "date": question.on,
            "destination": question.destination,
            "customer": {
                "kind": question.customer_kind,
                "tax_id_valid": question.is_tax_id_valid,
                "tax_exempt": question.is_tax_exempt,
            },
            "lines": [
                {
                    "id": line.id,
                    "variant_id": line.variant_id,
                    "quantity": line.quantity,
                    "category": line.category,
                    "amount": line.amount_minor,
                }
                for line in question.lines
            ],
            "shipping": {"method": question.shipping_method, "amount": question.shipping_minor},
        }
        return await _answered(self._service, "/taxes", document, _tax_answer)


class HttpPriceProvider:
    """A `PriceProvider` at an address: POST /prices."""

    def __init__(self, service: OutsideService) -> None:
        self._service = service

    async def prices(self, question: PriceQuestion) -> Mapping[str, int]:
        """Raises ProviderError."""
        document = {
            "currency": question.currency,
            "channel": question.channel,
            "customer": {"id": question.customer_id, "groups": question.groups},
            "items": [
                {"variant_id": one.variant_id, "sku": one.sku, "quantity": one.quantity, "amount": one.amount_minor}
                for one in question.items
            ],
        }
        return await _answered(self._service, "/prices", document, _prices)


async def _answered(service: OutsideService, path: str, document: Mapping[str, Any], read: Callable[[Any], T]) -> T:
    try:
        answer = await service.ask(path, document)
    except OutsideServiceError as problem:
        raise ProviderError(str(problem)) from problem
    try:
        return read(answer)
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as problem:
        raise ProviderError(f"its answer is not in the protocol: {type(problem).__name__}") from problem


def _prices(answer: Any) -> dict[str, int]:
    return {str(one["variant_id"]): _amount(one["amount"]) for one in answer["prices"]}


def _tax_answer(answer: Any) -> TaxAnswer:
    lines = {uuid.UUID(line["id"]): [_tax(tax) for tax in line["taxes"]] for line in answer["lines"]}
    shipping = answer.get("shipping") or {"taxes": []}
    return TaxAnswer(lines, [_tax(tax) for tax in shipping["taxes"]])


def _tax(tax: Any) -> ProviderTax:
    rate_id, percent, zone, included = tax["rate_id"], tax["percent"], tax.get("zone"), tax.get("included", False)
    if not isinstance(rate_id, str) or not isinstance(zone, str | None) or not isinstance(included, bool):
        raise ValueError("rate_id and zone are texts, included is true or false")
    if isinstance(percent, bool) or not isinstance(percent, int | Decimal) or not 0 <= percent <= _PERCENT_MAX:
        raise ValueError("percent is a number")
    return ProviderTax(rate_id[:100], Decimal(percent), _amount(tax["amount"]), included, zone)


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= AMOUNT_MAX:
        raise ValueError("an amount is whole minor units, not negative")
    return value
