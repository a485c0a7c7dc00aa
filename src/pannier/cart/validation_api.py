"""Routes that look over a cart before it is bought, and that take the shopper's agreement to what has changed."""

from __future__ import annotations

import msgspec

from pannier.cart.described import CHANNEL, LINE_ERRORS, write
from pannier.cart.errors import ChangesNotShownError, FeatureDisabledError
from pannier.cart.exchange import ENCODER, answer, channel_of, command_of, etag, reader_of
from pannier.cart.read_model import Cart
from pannier.cart.schemas import AcceptChanges
from pannier.cart.service import CartService
from pannier.cart.validation import Validation
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.problems import ValidationFailedError

_ACCEPT = msgspec.json.Decoder(AcceptChanges)


async def validate_cart(request: HotRequest) -> HotResponse:
    """What stands against buying the cart as it is, line by line, with what to do; changes nothing."""
    found = await request.service(CartService).validate(reader_of(request.principal), channel_of(request))
    return HotResponse(ENCODER.encode(found), headers=[etag(found.version)])


async def accept_changes(request: HotRequest) -> HotResponse:
    """Agree to what `/cart/validate` showed, by its `consent_token`.

    Prices become those shown, quantities those that are there, and what is gone is saved for later. 409
    CHANGES_NOT_SHOWN, with the findings as they are now, when anything differs from what was shown.
    """
    token = request.decode(_ACCEPT).consent_token
    command = command_of(request, "cart.changes_accepted", [])
    return answer(request, await request.service(CartService).accept_changes(command, token))


VALIDATION_ROUTES = (
    HotRoute(
        "GET",
        "/api/v1/cart/validate",
        validate_cart,
        Operation(
            "Validate the cart",
            validate_cart.__doc__ or "",
            ("cart",),
            responses={200: (Validation, "What was found")},
            parameters=(CHANNEL,),
            errors=(ValidationFailedError, FeatureDisabledError),
        ),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/accept-changes",
        accept_changes,
        write(
            "Accept changes",
            accept_changes.__doc__,
            AcceptChanges,
            Cart,
            (*LINE_ERRORS, ChangesNotShownError, FeatureDisabledError),
        ),
    ),
)
