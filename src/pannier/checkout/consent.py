"""Prices that have changed since they were shown, and the shopper's consent to them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pannier.cart import Finding, PriceChangedError, consent_token, price_finding
from pannier.checkout.models import Basket, BasketLine
from pannier.pricing import Quote


def price_findings(basket: Basket, lines: Sequence[BasketLine], quoted: Quote) -> list[Finding]:
    """Prices that are not those the shopper was shown last."""
    return [
        price_finding(line.id, line.variant_id, line.name, line.added_minor, figures.unit_price_minor, basket.currency)
        for line, figures in zip(lines, quoted.lines, strict=False)
        if line.is_sellable
        and line.price_minor is not None
        and line.added_minor is not None
        and line.added_minor != figures.unit_price_minor
    ]


def require_consent(basket: Basket, lines: Sequence[BasketLine], quoted: Quote, consent: str | None) -> None:
    """Raises PriceChangedError unless the shopper has agreed to exactly these prices.

    Asked when a checkout begins. From then on the total that is shown is what counts.
    """
    findings = price_findings(basket, lines, quoted)
    token = consent_token(str(basket.id), findings)
    if token is not None and token != consent:
        raise PriceChangedError(
            findings[0].message,
            field="consent_token",
            details={"consent_token": token, "findings": [msgspec.to_builtins(finding) for finding in findings]},
        )
