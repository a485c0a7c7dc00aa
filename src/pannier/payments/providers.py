"""The providers of a shop, each by the way to pay that it stands behind."""

from __future__ import annotations

from collections.abc import Mapping

from pannier.payments.adapters.gateway import TestGateway
from pannier.payments.adapters.promises import PromiseProvider
from pannier.payments.ports import PaymentProvider
from pannier.platform.database import Database
from pannier.platform.settings import Settings

#: Where the test gateway's page is, below the shop's address.
TEST_PAGE = "/pay/test"


class Providers:
    """A way to pay that nobody stands behind is a promise: the shop sees to it by itself."""

    def __init__(self, known: Mapping[str, PaymentProvider]) -> None:
        self._known = dict(known)

    def of(self, code: str) -> PaymentProvider:
        """Who stands behind a way to pay."""
        return self._known.get(code) or PromiseProvider(code)

    def put(self, code: str, provider: PaymentProvider) -> None:
        """Let another one stand behind it: an embedding application's own."""
        self._known[code] = provider

    @property
    def charging(self) -> frozenset[str]:
        """Ways to pay for which somebody is asked before there is an order."""
        return frozenset(code for code, provider in self._known.items() if not provider.is_promise)

    @property
    def test_gateway(self) -> TestGateway | None:
        """The gateway for trying out, where it is offered."""
        return next((found for found in self._known.values() if isinstance(found, TestGateway)), None)

    async def close(self) -> None:
        """Close their connections."""
        for provider in self._known.values():
            await provider.close()


def open_providers(db: Database, settings: Settings) -> Providers:
    """The providers that the settings offer. Nobody is asked yet."""
    known: dict[str, PaymentProvider] = {}
    if "test" in settings.payment_methods:
        page = (settings.public_url or "").rstrip("/") + TEST_PAGE
        known["test"] = TestGateway(db, settings.test_gateway_secret.get_secret_value(), page)
    if "stripe" in settings.payment_methods:
        known["stripe"] = _open_stripe(settings)
    return Providers(known)


def _open_stripe(settings: Settings) -> PaymentProvider:
    # Its library takes half a second to import, which shops without it need not wait for.
    from pannier.payments.adapters.stripe import StripeProvider

    key, secret = settings.stripe_secret_key, settings.stripe_webhook_secret
    return StripeProvider(
        "" if key is None else key.get_secret_value(),
        "" if secret is None else secret.get_secret_value(),
        api_url=settings.stripe_api_url,
        shop_url=settings.public_url or f"http://{settings.host}:{settings.port}",
        shop_name=settings.shop_name,
        timeout_s=settings.payment_timeout_s,
    )
