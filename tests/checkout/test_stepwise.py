"""A checkout that is told step by step, chooses by itself what is the only choice, and is completed once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from pannier.cart import Change, Command
from pannier.checkout import CheckoutPatch
from pannier.checkout.errors import (
    CheckoutClosedError,
    CompletionInProgressError,
    EmptyCartError,
    PaymentMethodUnavailableError,
    StepMissingError,
)
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.failures import block_records
from tests.support.offers import make_method
from tests.support.shop import ADDRESS, DETAILS, Shop, guest, owner_of

WHERE = CheckoutPatch(email="j@example.com", shipping_address=ADDRESS)
_WAITING = (
    "select exists (select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"
)


def shop_of(db: Database, settings: Settings, **changes: Any) -> Shop:
    return Shop.of(db, settings, checkout_steps="ordered", enable_cart_validation=False, **changes)


async def refused(coroutine: Any) -> PannierError:
    with pytest.raises(PannierError) as caught:
        await coroutine
    return caught.value


async def shopper_with(shop: Shop, **product: Any) -> Principal:
    shopper = guest()
    await shop.fill(shopper, await make_product(shop.db, **product))
    return shopper


async def test_each_step_asks_for_the_one_before_it(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    await make_method(db, "post", kind="flat", amount=400)
    await make_method(db, "van", kind="flat", amount=900)
    shopper = await shopper_with(shop)
    early = await refused(shop.checkouts.create_checkout(shopper, CheckoutPatch(payment_method="invoice")))
    assert (type(early), early.details["step_name"]) == (StepMissingError, "address")

    begun = await shop.checkouts.create_checkout(shopper, WHERE)

    assert begun.document["next_step"] == "shipping"
    soon = await refused(shop.checkouts.update(shopper, begun.id, CheckoutPatch(payment_method="invoice")))
    assert (type(soon), soon.details["step_name"]) == (StepMissingError, "shipping")
    assert isinstance(await refused(shop.checkouts.complete(shopper, begun.id)), StepMissingError)
    sent = await shop.checkouts.update(shopper, begun.id, CheckoutPatch(shipping_method="van"))
    assert sent.document["next_step"] == "payment"
    paid = await shop.checkouts.update(shopper, begun.id, CheckoutPatch(payment_method="invoice"))
    assert paid.document["next_step"] == "confirm"
    back = await shop.checkouts.update(shopper, begun.id, CheckoutPatch(shipping_address=ADDRESS))
    assert (back.document["next_step"], back.document["shipping_method"]) == ("confirm", "van")
    assert (await shop.checkouts.complete(shopper, begun.id)).document["next_step"] is None


async def test_a_shop_without_an_order_of_steps_takes_them_as_they_come(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    shopper = await shopper_with(shop)

    begun = await shop.checkouts.create_checkout(shopper, CheckoutPatch(payment_method="invoice"))

    assert begun.document["next_step"] == "address"


async def test_an_empty_cart_comes_before_every_step(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    shopper = await shopper_with(shop)
    begun = await shop.checkouts.create_checkout(shopper, DETAILS.model_copy(update={"payment_method": None}))
    cart = await shop.carts.get(owner_of(shopper))
    await shop.carts.apply(_removing(shopper, cart))
    assert isinstance(
        await refused(shop.checkouts.update(shopper, begun.id, CheckoutPatch(payment_method="invoice"))), EmptyCartError
    )


async def test_who_may_order_is_asked_at_the_end(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, guest_checkout=False)
    shopper = await shopper_with(shop)
    begun = await shop.checkouts.create_checkout(
        shopper, CheckoutPatch(shipping_address=ADDRESS, email="j@example.com")
    )
    await shop.checkouts.update(shopper, begun.id, CheckoutPatch(payment_method="invoice"))

    assert isinstance(await refused(shop.checkouts.complete(shopper, begun.id)), LoginRequiredError)


async def test_the_only_choice_is_made_by_itself(db: Database, settings: Settings) -> None:
    ways = {"skip_single_shipping": True, "skip_single_payment": True, "payment_methods": ("invoice",)}
    shop = shop_of(db, settings, **ways)
    await make_method(db, "post", kind="flat", amount=400)
    shopper = await shopper_with(shop, price_minor=1000)

    begun = await shop.checkouts.create_checkout(shopper, WHERE)

    told = begun.document
    assert (told["next_step"], told["shipping_method"], told["payment_method"]) == ("confirm", "post", "invoice")
    assert told["totals"]["total"]["amount"] == 1400
    assert (await shop.checkouts.complete(shopper, begun.id)).order_number is not None


async def test_two_choices_are_the_shopper_s(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings, skip_single_shipping=True)
    await make_method(db, "post", kind="flat", amount=400)
    await make_method(db, "van", kind="flat", amount=900)
    shopper = await shopper_with(shop)

    begun = await shop.checkouts.create_checkout(shopper, WHERE)

    assert (begun.document["next_step"], begun.document["shipping_method"]) == ("shipping", None)


async def test_a_way_to_pay_that_is_no_longer_offered_is_refused_at_the_end(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    shopper = await shopper_with(shop)
    begun = await shop.checkouts.create_checkout(shopper, DETAILS)
    later = Shop.of(db, settings, payment_methods=("cash_on_delivery",))

    assert (await later.checkouts.get(shopper, begun.id))["requirements"][0]["error"] == "PAYMENT_METHOD_UNAVAILABLE"
    assert isinstance(await refused(later.checkouts.complete(shopper, begun.id)), PaymentMethodUnavailableError)


async def test_a_shop_without_a_way_to_pay_says_so_and_sells_only_what_costs_nothing(
    db: Database, settings: Settings
) -> None:
    shop = Shop.of(db, settings, payment_methods=(), skip_single_payment=True)
    shopper = await shopper_with(shop)
    begun = await shop.checkouts.create_checkout(shopper, DETAILS.model_copy(update={"payment_method": None}))
    (missing,) = begun.document["requirements"]
    assert (begun.document["next_step"], missing["error"]) == ("payment", "PAYMENT_METHOD_REQUIRED")
    assert missing["message"] == "There is no way to pay at the moment. Come back later."


@pytest.mark.parametrize("repeat", ["answer", "refuse"])
async def test_completing_again_answers_the_order_or_is_refused(db: Database, settings: Settings, repeat: str) -> None:
    shop = Shop.of(db, settings, checkout_repeat=repeat)
    shopper = await shopper_with(shop)
    begun = await shop.checkouts.create_checkout(shopper, DETAILS)
    done = await shop.checkouts.complete(shopper, begun.id, idempotency_key="first")

    if repeat == "answer":
        assert (await shop.checkouts.complete(shopper, begun.id)).order_number == done.order_number
    else:
        assert isinstance(await refused(shop.checkouts.complete(shopper, begun.id)), CheckoutClosedError)
    again = await shop.checkouts.complete(shopper, begun.id, idempotency_key="first")
    assert (again.is_replay, again.order_number) == (True, done.order_number)


async def _until_waiting(blocker: asyncpg.Connection[asyncpg.Record], request: asyncio.Task[Any]) -> None:
    while not request.done() and not await blocker.fetchval(_WAITING):
        await asyncio.wait({request}, timeout=0.01)


@pytest.mark.parametrize("busy", ["refuse", "wait"])
async def test_a_second_request_is_refused_at_once_or_waits_for_the_first(
    db: Database, settings: Settings, busy: str
) -> None:
    shop = Shop.of(db, settings, checkout_busy=busy)
    shopper = await shopper_with(shop)
    begun = await shop.checkouts.create_checkout(shopper, DETAILS)
    blocker = await block_records(str(settings.database_url))
    first = asyncio.create_task(shop.checkouts.complete(shopper, begun.id, idempotency_key="first"))
    await _until_waiting(blocker, first)

    if busy == "refuse":
        assert isinstance(await refused(shop.checkouts.complete(shopper, begun.id)), CompletionInProgressError)
        await blocker.close()
    else:
        second = asyncio.create_task(shop.checkouts.complete(shopper, begun.id))
        await asyncio.wait({second}, timeout=0.05)
        assert not second.done()
        await blocker.close()
        assert (await second).order_number == (await first).order_number
    assert (await first).order_number is not None


def _removing(shopper: Principal, cart: Any) -> Any:
    changes = [Change(op="remove", line_id=item.id) for item in cart.items]
    return Command(owner_of(shopper), "cart.items_removed", changes)
