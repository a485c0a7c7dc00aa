"""Routes of what changes a cart's figures: codes, destination, shipping method."""

from __future__ import annotations

import urllib.parse

import msgspec

from pannier.cart.described import CHANNEL, CURRENCY, LINE_ERRORS, WRITE_ERRORS, read, write
from pannier.cart.displaying import CartDisplays, DisplayedCart
from pannier.cart.errors import CouponRejectedError, ExchangeRateMissingError, StatementNotGenuineError
from pannier.cart.exchange import ENCODER, answer, channel_of, command_of, etag, reader_of
from pannier.cart.price_statements import PriceComparison, PriceStatements, Statement
from pannier.cart.pricing_service import CartPricingService
from pannier.cart.read_model import Cart, CartShippingOptions
from pannier.cart.schemas import ChooseShipping, EnterCoupon, SetDestination, VerifyStatement
from pannier.kernel.currencies import MINOR_DIGITS
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.problems import ValidationFailedError
from pannier.pricing import ShippingNotAvailableError

_ENTER = msgspec.json.Decoder(EnterCoupon)
_DESTINATION = msgspec.json.Decoder(SetDestination)
_VERIFY = msgspec.json.Decoder(VerifyStatement)
_SHIPPING = msgspec.json.Decoder(ChooseShipping)


async def enter_coupon(request: HotRequest) -> HotResponse:
    """Put a code on the cart. 409 COUPON_REJECTED with a reason when it is not good for this cart now.

    A code that is accepted stays when its conditions fail later: it gives nothing then, and a message says so.
    """
    code = request.decode(_ENTER).code
    command = command_of(request, "cart.coupon_entered")
    return answer(request, await request.service(CartPricingService).enter_coupon(command, code))


async def remove_coupon(request: HotRequest) -> HotResponse:
    """Take a code off the cart."""
    command = command_of(request, "cart.coupon_removed")
    code = urllib.parse.unquote(request.param)[:64].replace("\0", "")
    return answer(request, await request.service(CartPricingService).remove_coupon(command, code))


async def set_destination(request: HotRequest) -> HotResponse:
    """Say where the cart is to go, as far as it is known: tax and shipping are worked out for it.

    A checkout asks for the whole address, which then counts instead.
    """
    body = request.decode(_DESTINATION)
    told = {"country": body.country, "region": body.region, "postal_code": body.postal_code}
    destination = {name: value for name, value in told.items() if value is not None}
    command = command_of(request, "cart.destination_set")
    return answer(request, await request.service(CartPricingService).send_to(command, destination or None))


async def choose_shipping(request: HotRequest) -> HotResponse:
    """Choose how the cart is shipped; null takes the choice back."""
    method = request.decode(_SHIPPING).method
    command = command_of(request, "cart.shipping_chosen")
    return answer(request, await request.service(CartPricingService).ship_by(command, method))


async def get_shipping_options(request: HotRequest) -> HotResponse:
    """The ways in which the cart can be shipped, each with what it costs; and why others cannot be chosen."""
    found = await request.service(CartPricingService).shipping_options(
        reader_of(request.principal), channel_of(request)
    )
    return HotResponse(ENCODER.encode(found))


async def compare_prices(request: HotRequest) -> HotResponse:
    """The cart at the prices it was filled at, at those of now, and the lowest of the last 30 days.

    `statement` is signed by the shop: it proves later what was asked for the cart at `read_at`.
    """
    found = await request.service(PriceStatements).compare(reader_of(request.principal), channel_of(request))
    return HotResponse(ENCODER.encode(found), headers=[etag(found.version)])


async def verify_prices(request: HotRequest) -> HotResponse:
    """What a statement of prices says, if it is the shop's: for disputes about what was shown when."""
    found = request.service(PriceStatements).verify(request.decode(_VERIFY).statement)
    return HotResponse(ENCODER.encode(found))


async def display_cart(request: HotRequest) -> HotResponse:
    """The figures of the cart in another currency, to look at; what is charged stays in the shop's.

    Each is converted by itself, by the newest exchange rate, and rounded half up.
    """
    currency = request.query("currency")
    if currency not in MINOR_DIGITS:
        raise ValidationFailedError.of([("currency", "A currency's three letters by ISO 4217, such as EUR")])
    found = await request.service(CartDisplays).cart(reader_of(request.principal), channel_of(request), currency)
    return HotResponse(ENCODER.encode(found))


PRICING_ROUTES = (
    HotRoute(
        "GET",
        "/api/v1/cart/display",
        display_cart,
        Operation(
            "The cart in another currency",
            display_cart.__doc__ or "",
            ("cart",),
            responses={200: (DisplayedCart, "The figures")},
            parameters=(CHANNEL, CURRENCY),
            errors=(ExchangeRateMissingError, ValidationFailedError),
        ),
    ),
    HotRoute(
        "GET",
        "/api/v1/cart/prices",
        compare_prices,
        read("Compare prices", compare_prices.__doc__, PriceComparison),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/prices/verify",
        verify_prices,
        Operation(
            "Verify a statement of prices",
            verify_prices.__doc__ or "",
            ("cart",),
            request=VerifyStatement,
            responses={200: (Statement, "What was stated")},
            errors=(StatementNotGenuineError,),
        ),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/coupons",
        enter_coupon,
        write("Enter a code", enter_coupon.__doc__, EnterCoupon, Cart, (*WRITE_ERRORS, CouponRejectedError)),
    ),
    HotRoute(
        "DELETE",
        "/api/v1/cart/coupons/{code}",
        remove_coupon,
        write("Remove a code", remove_coupon.__doc__, None, Cart, (*LINE_ERRORS, CouponRejectedError)),
    ),
    HotRoute(
        "PUT",
        "/api/v1/cart/destination",
        set_destination,
        write("Set the destination", set_destination.__doc__, SetDestination, Cart, WRITE_ERRORS),
    ),
    HotRoute(
        "PUT",
        "/api/v1/cart/shipping-method",
        choose_shipping,
        write(
            "Choose the shipping method",
            choose_shipping.__doc__,
            ChooseShipping,
            Cart,
            (*WRITE_ERRORS, ShippingNotAvailableError),
        ),
    ),
    HotRoute(
        "GET",
        "/api/v1/cart/shipping-options",
        get_shipping_options,
        read("Shipping options", get_shipping_options.__doc__, CartShippingOptions),
    ),
)
