"""Prices that have changed since they were shown, and the shopper's consent to them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pannier.cart import Finding, PriceChangedError, consent_token, price_finding
from pannier.checkout.models import Basket, BasketLine


def price_findings(basket: Basket, lines: Sequence[BasketLine]) -> list[Finding]:
    """Prices that are not those the shopper was shown last."""
    return [
        price_finding(line.id, line.variant_id, line.name, line.added_minor, line.price_minor, basket.currency)
        for line in lines
        if line.is_price_changed and line.price_minor is not None
    ]


def require_consent(basket: Basket, lines: Sequence[BasketLine], consent: str | None) -> None:
    """Raises PriceChangedError unless the shopper has agreed to exactly these prices.

    Asked when a checkout begins. From then on the total that is shown is what counts.
    """
    findings = price_findings(basket, lines)
    token = consent_token(str(basket.id), findings)
    if token is not None and token != consent:
        raise PriceChangedError(
            findings[0].message,
            field="consent_token",
            details={"consent_token": token, "findings": [msgspec.to_builtins(finding) for finding in findings]},
        )
