"""The providers of a shop, each by the way to pay that it stands behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pannier.kernel.ids import new_code
from pannier.payments.adapters.absent import AbsentProvider
from pannier.payments.adapters.gateway import TestGateway
from pannier.payments.adapters.promises import PromiseProvider
from pannier.payments.ports import PaymentProvider
from pannier.payments.rules import PROMISES
from pannier.platform.database import Database
from pannier.platform.settings import Settings

#: Where the test gateway's page is, below the shop's address.
TEST_PAGE = "/pay/test"
# So long that nobody guesses it.
_SECRET_LENGTH = 40


class Providers:
    """Who is asked of payments, those included that were made in a way which is no longer among the `offered`."""

    def __init__(self, known: Mapping[str, PaymentProvider], offered: Collection[str]) -> None:
        self._known = dict(known)
        self._offered = frozenset(offered)

    def of(self, code: str) -> PaymentProvider:
        """Who stands behind a way to pay. One that is neither known nor a promise says nothing, and moves nothing."""
        known = self._known.get(code)
        if known is not None:
            return known
        return PromiseProvider(code) if code in PROMISES else AbsentProvider(code)

    def put(self, code: str, provider: PaymentProvider) -> None:
        """Let another one stand behind it: an embedding application's own."""
        self._known[code] = provider

    @property
    def charging(self) -> frozenset[str]:
        """Ways to pay for which somebody is asked before there is an order."""
        return frozenset(code for code in self._offered if not self.of(code).is_promise)

    @property
    def test_gateway(self) -> TestGateway | None:
        """The gateway for trying out, where it is offered."""
        found = self._known.get("test") if "test" in self._offered else None
        return found if isinstance(found, TestGateway) else None

    async def close(self) -> None:
        """Close their connections."""
        for provider in self._known.values():
            await provider.close()


def open_providers(db: Database, settings: Settings) -> Providers:
    """Everybody whom the settings have the keys of, offered or not: payments of before are still theirs. Nobody is
    asked yet."""
    page = (settings.public_url or "").rstrip("/") + TEST_PAGE
    secret = settings.test_gateway_secret
    # Its webhooks are made and read by the same process.
    signs_with = new_code(_SECRET_LENGTH) if secret is None else secret.get_secret_value()
    known: dict[str, PaymentProvider] = {"test": TestGateway(db, signs_with, page)}
    key, hook = settings.stripe_secret_key, settings.stripe_webhook_secret
    if key is not None and hook is not None:
        known["stripe"] = _open_stripe(db, settings, key.get_secret_value(), hook.get_secret_value())
    return Providers(known, settings.payment_methods)


def _open_stripe(db: Database, settings: Settings, key: str, webhook_secret: str) -> PaymentProvider:
    # Its library takes half a second to import, which shops without it need not wait for.
    from pannier.payments.adapters.stripe import StripeProvider

    return StripeProvider(
        key,
        webhook_secret,
        api_url=settings.stripe_api_url,
        shop_url=settings.public_url or f"http://{settings.host}:{settings.port}",
        shop_name=settings.shop_name,
        timeout_s=settings.payment_timeout_s,
        clock=db.clock,
    )
