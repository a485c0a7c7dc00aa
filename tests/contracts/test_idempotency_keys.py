"""Which operations that change something take an `Idempotency-Key`: all, but for those that say here why not."""

from __future__ import annotations

from pannier.app import create_app
from pannier.platform.settings import Settings

_CHANGES_NOTHING = "changes nothing"
_SECRETS = "its answer holds secrets, which are stored nowhere, or it works once by its own token"
_SAYS_WHAT_SHALL_BE = "says what shall be, so that sending it again changes nothing more"

WITHOUT_A_KEY = {
    ("post", "/cart/prices/verify"): "looks at what it is sent and stores nothing",
    ("post", "/inventory/check"): _CHANGES_NOTHING,
    ("post", "/admin/stock-packages"): _CHANGES_NOTHING,
    ("post", "/pricing/quote"): _CHANGES_NOTHING,
    ("post", "/pricing/shipping-options"): _CHANGES_NOTHING,
    ("post", "/pricing/shipping"): _CHANGES_NOTHING,
    ("post", "/pricing/tax"): _CHANGES_NOTHING,
    ("post", "/pricing/coupon-check"): _CHANGES_NOTHING,
    ("post", "/checkouts/{checkout_id}/validate"): _CHANGES_NOTHING,
    ("post", "/checkouts/{checkout_id}/return"): "looks at what became of the payment, which is so or not",
    ("post", "/orders/{number}/payments/return"): "looks at what became of the payment, which is so or not",
    ("post", "/payments/{provider}/webhook"): "each event has an id of its provider's, and counts once",
    ("post", "/cart/merge/preview"): _CHANGES_NOTHING,
    ("post", "/cart/operations"): "each of its operations has an id that is its key",
    ("post", "/auth/register"): _SECRETS,
    ("post", "/auth/verify"): _SECRETS,
    ("post", "/auth/login"): _SECRETS,
    ("post", "/auth/refresh"): _SECRETS,
    ("post", "/auth/logout"): _SECRETS,
    ("post", "/auth/password/forgot"): _SECRETS,
    ("post", "/auth/password/reset"): _SECRETS,
    ("post", "/me/password"): _SECRETS,
    ("post", "/me/email"): _SECRETS,
    ("patch", "/me"): _SAYS_WHAT_SHALL_BE,
    ("patch", "/me/preferences"): _SAYS_WHAT_SHALL_BE,
    ("put", "/me/consents/{kind}"): "every word on a consent is kept, also the same one twice",
    ("put", "/me/addresses/{address_id}"): _SAYS_WHAT_SHALL_BE,
    ("delete", "/me/addresses/{address_id}"): _SAYS_WHAT_SHALL_BE,
    ("delete", "/me/sessions"): _SAYS_WHAT_SHALL_BE,
    ("delete", "/me/sessions/{session_id}"): _SAYS_WHAT_SHALL_BE,
    ("post", "/me/erase"): _SAYS_WHAT_SHALL_BE,
    ("delete", "/me/erase"): _SAYS_WHAT_SHALL_BE,
    ("post", "/admin/orders/{number}/handovers/{handover_id}/again"): "the service is told under the same id once more",
}


def test_every_other_change_takes_a_key() -> None:
    document = create_app(Settings()).openapi()
    without = {
        (method, path.removeprefix("/api/v1"))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"post", "put", "patch", "delete"}
        and not any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    assert without == set(WITHOUT_A_KEY)
