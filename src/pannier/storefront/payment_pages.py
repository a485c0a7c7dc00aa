"""Paying: on to the provider's page and back from it, and the page of the gateway for trying out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from pannier.checkout import CheckoutService
from pannier.kernel.errors import PannierError
from pannier.payments import TEST_CHOICES, TEST_PAGE, PaymentService, ProviderUnavailableError, TestGateway
from pannier.platform.problems import RouteNotFoundError
from pannier.storefront.visit import Flash, Visit

_STATES: Mapping[str, str] = {
    "authorized": "It is paid. You may close this page; the shop will know.",
    "captured": "It is paid. You may close this page; the shop will know.",
    "declined": "It was declined.",
    "voided": "This payment is over. Go back to the shop to pay again.",
}


async def lead_to_payment(visit: Visit, document: Mapping[str, Any]) -> Response:
    """On to where the shopper pays.

    A browser does not follow a form to another site that the page's policy does not name, so to a page elsewhere one of
    ours leads, by itself and by a link.
    """
    return await lead_on(visit, document["links"], document["amount_due"], f"/checkout/{document['id']}")


async def lead_on(
    visit: Visit, links: Sequence[Mapping[str, Any]], amount: Mapping[str, Any], waits_at: str
) -> Response:
    """The same for a payment of so much. Where no link leads on, the page it `waits_at` tells of it."""
    link = next((link["href"] for link in links if link["rel"] == "payment"), None)
    if link is None:
        # A bank that takes its time leads nowhere: the page says that its answer is waited for.
        return visit.redirect(waits_at)
    if link.startswith("/"):
        return visit.redirect(link)
    response = await visit.page("pay.html", link=link, amount=amount)
    response.headers["Refresh"] = f"0; url={link}"
    return response


async def come_back(visit: Visit) -> Response:
    """Back from the provider's page: to the order, or to the checkout, which says what is wrong."""
    checkout_id: uuid.UUID = visit.request.path_params["checkout_id"]
    checkouts = visit.service(CheckoutService)
    try:
        await checkouts.completion.come_back(visit.principal, checkout_id)
        document = await checkouts.get(visit.principal, checkout_id)
    except ProviderUnavailableError:
        text = "We are still asking whether your payment arrived. Look again in a moment: you pay once at most."
        return visit.redirect(f"/checkout/{checkout_id}", Flash("bad", text))
    if document["order"] is not None:
        return visit.redirect(f"/orders/{document['order']['number']}")
    return visit.redirect(f"/checkout/{checkout_id}")


async def show_gateway(visit: Visit) -> Response:
    """The test gateway's own page: no money moves here."""
    payment = await _gateway(visit).page_of(visit.request.path_params["reference"])
    if payment is None:
        raise RouteNotFoundError("There is no such payment.")
    return await visit.page(
        "test_gateway.html", payment=payment, choices=TEST_CHOICES, said=_STATES.get(payment["state"])
    )


async def choose_at_gateway(visit: Visit) -> Response:
    """What the shopper does there; then back to the shop, unless she never comes back."""
    form, reference = await visit.form(), visit.request.path_params["reference"]
    gateway, choice = _gateway(visit), form.text("do")
    if choice not in TEST_CHOICES:
        return visit.redirect(f"{TEST_PAGE}/{reference}")
    try:
        payment = await gateway.choose(reference, choice)
    except PannierError:
        # Its webhook was refused by the shop, which looks for itself.
        payment = await gateway.page_of(reference)
    if payment is None:
        raise RouteNotFoundError("There is no such payment.")
    back = payment["return_url"] or "/"
    if choice == "close" or not back.startswith("/"):
        return visit.redirect(f"{TEST_PAGE}/{reference}")
    return visit.redirect(back)


def _gateway(visit: Visit) -> TestGateway:
    gateway = visit.service(PaymentService).providers.test_gateway
    if gateway is None:
        raise RouteNotFoundError("This shop has no test gateway.")
    return gateway
