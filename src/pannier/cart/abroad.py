"""Carts in another currency than the shop's own."""

from __future__ import annotations

from pannier.cart.document import CartDocument
from pannier.cart.errors import CurrencyMismatchError
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.pricebook import sold_currencies


def check_sold(currency: str | None, settings: Settings) -> None:
    """Raise ValidationFailedError for a currency that the shop does not sell in."""
    if currency is not None and currency not in (sold := sold_currencies(settings)):
        raise ValidationFailedError.of([("currency", f"One of {', '.join(sold)}: this shop sells in no other")])


def check_currency(currency: str, document: CartDocument | None) -> None:
    """Raise CurrencyMismatchError where there is a cart in another one.

    A cart stays in the currency that it was made in, so nobody has to hold it still to look at that.
    """
    if document is not None and document.currency != currency:
        raise CurrencyMismatchError(
            f"This cart is in {document.currency} and stays so. Order or empty it, or shop on in that currency.",
            field="currency",
            details={"currency": document.currency, "requested": currency},
        )
