"""From a cart to exactly one order, without HTTP."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pannier.cart import Change, Command
from pannier.catalog import ProductUnavailableError
from pannier.checkout import CheckoutDocument, CheckoutPatch, rules
from pannier.checkout.errors import (
    CheckoutClosedError,
    CheckoutExpiredError,
    CheckoutNotFoundError,
    CheckoutNotReadyError,
    CustomerRequiredError,
    EmptyCartError,
    PaymentMethodUnavailableError,
    ShippingNotAvailableError,
    TotalChangedError,
)
from pannier.inventory import InsufficientStockError
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.orders import ExternalReferenceTakenError, OrderDocument, show
from pannier.platform.database import Database
from pannier.platform.idempotency import IdempotencyConflictError
from pannier.platform.principal import LoginRequiredError
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import ADDRESS, DETAILS, SHOP_C, STAFF, Shop, count, customer, guest, owner_of, stock_figures


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings, **SHOP_C)


async def test_a_cart_becomes_an_order_with_frozen_figures(shop: Shop) -> None:
    variant = await make_product(shop.db, price_minor=10_000, on_hand=5, name="Oak stool", sku="OAK-1")
    shopper, session = await shop.ready(variant, 2)
    done = await shop.checkouts.complete(shopper, session.id, expected_total=23_199)
    assert done.order_number is not None
    order = await shop.orders.get(shopper, done.order_number)
    figures = (order.subtotal_minor, order.shipping_minor, order.tax_minor, order.total_minor)
    assert figures == (20_000, 1599, 1600, 23_199)
    line = order.lines[0]
    assert (line.name, line.sku, line.quantity, line.unit_price_minor) == ("Oak stool", "OAK-1", 2, 10_000)
    assert (line.tax_minor, line.total_minor, line.stock_state) == (1600, 20_000, "committed")
    assert order.shipping_address == {
        "name": "Jane Doe",
        "line1": "1 High Street",
        "city": "Springfield",
        "postal_code": "12345",
        "country": "US",
    }
    assert order.quote["totals"]["total_minor"] == 23_199
    assert await stock_figures(shop.db, variant) == (3, 0)
    assert await faults(shop.db) == {}


async def test_after_the_order_the_shopper_starts_with_an_empty_cart(shop: Shop) -> None:
    variant = await make_product(shop.db)
    shopper, _ = await shop.buy(variant)
    cart = await shop.carts.get(owner_of(shopper))
    assert (cart.id, cart.total_quantity) == (None, 0)


async def test_answers_have_the_documented_shape(shop: Shop) -> None:
    variant = await make_product(shop.db)
    shopper, session = await shop.ready(variant)
    CheckoutDocument.model_validate_json(session.answer.body)
    CheckoutDocument.model_validate_json(msgspec.json.encode(await shop.checkouts.get(shopper, session.id)))
    done = await shop.checkouts.complete(shopper, session.id)
    CheckoutDocument.model_validate_json(done.answer.body)
    order = await shop.orders.get(shopper, done.order_number or "")
    assert OrderDocument.model_validate_json(msgspec.json.encode(show(order))).number == done.order_number


async def test_a_second_complete_answers_the_same_order(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    first = await shop.checkouts.complete(shopper, session.id)
    second = await shop.checkouts.complete(shopper, session.id)
    assert second.answer.body == first.answer.body
    shown = msgspec.json.encode(await shop.checkouts.get(shopper, session.id))
    assert shown == first.answer.body
    assert await count(shop.db, "orders") == 1


async def test_the_same_key_replays_the_first_answer(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    first = await shop.checkouts.complete(shopper, session.id, idempotency_key="k-1")
    again = await shop.checkouts.complete(shopper, session.id, idempotency_key="k-1")
    assert (first.is_replay, again.is_replay) == (False, True)
    assert again.answer.body == first.answer.body
    with pytest.raises(IdempotencyConflictError):
        await shop.checkouts.complete(shopper, session.id, expected_total=1, idempotency_key="k-1")


async def test_a_refusal_is_replayed_too(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    for expected_replay in (None, "true"):
        with pytest.raises(TotalChangedError) as refused:
            await shop.checkouts.complete(shopper, session.id, expected_total=1, idempotency_key="k-1")
        assert refused.value.headers.get("Idempotent-Replayed") == expected_replay
    assert await count(shop.db, "orders") == 0


async def test_a_total_other_than_the_expected_one_is_refused_with_the_new_one(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db, price_minor=1000))
    with pytest.raises(TotalChangedError) as refused:
        await shop.checkouts.complete(shopper, session.id, expected_total=1)
    total = 1000 + 1599 + 80
    assert refused.value.details["total"] == {"amount": total, "currency": "USD"}
    assert refused.value.details["expected"] == {"amount": 1, "currency": "USD"}
    with pytest.raises(TotalChangedError):
        await shop.checkouts.complete(shopper, session.id, expected_total=(total, "EUR"))
    done = await shop.checkouts.complete(shopper, session.id, expected_total=(total, "USD"))
    assert done.document["order"]["total"]["amount"] == total


async def test_a_price_that_moved_since_it_was_shown_is_refused_once(shop: Shop) -> None:
    variant = await make_product(shop.db, price_minor=1000)
    shopper, session = await shop.ready(variant)
    await set_price(shop.db, variant, 1100)
    shown = await shop.checkouts.get(shopper, session.id)
    assert [message["code"] for message in shown["messages"]] == ["TOTAL_CHANGED"]
    with pytest.raises(TotalChangedError):
        await shop.checkouts.complete(shopper, session.id)
    done = await shop.checkouts.complete(shopper, session.id)
    assert done.document["totals"]["subtotal"]["amount"] == 1100


async def test_who_names_the_total_of_now_agrees_to_a_price_that_moved(shop: Shop) -> None:
    variant = await make_product(shop.db, price_minor=1000)
    shopper, session = await shop.ready(variant)
    await set_price(shop.db, variant, 1100)
    done = await shop.checkouts.complete(shopper, session.id, expected_total=1100 + 1599 + 88)
    assert done.document["totals"]["subtotal"]["amount"] == 1100


async def test_a_cart_changed_meanwhile_shows_as_a_changed_total(shop: Shop) -> None:
    variant = await make_product(shop.db)
    shopper, session = await shop.ready(variant)
    await shop.fill(shopper, variant, 1)
    with pytest.raises(TotalChangedError):
        await shop.checkouts.complete(shopper, session.id)
    assert (await shop.checkouts.get(shopper, session.id))["total_quantity"] == 2


async def test_a_fixed_price_stays_whatever_the_list_says(shop: Shop) -> None:
    variant = await make_product(shop.db, price_minor=1000)
    shopper = guest()
    await shop.fill(shopper, variant, 2, unit_price_minor=777)
    await set_price(shop.db, variant, 5000)
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    done = await shop.checkouts.complete(shopper, session.id)
    assert done.document["totals"]["subtotal"]["amount"] == 1554


async def test_what_is_missing_is_listed_and_refused(shop: Shop) -> None:
    shopper = guest()
    await shop.fill(shopper, await make_product(shop.db))
    session = await shop.checkouts.create_checkout(shopper)
    assert session.document["status"] == "incomplete"
    missing = {entry["field"]: entry["error"] for entry in session.document["requirements"]}
    assert missing == {
        "email": "CUSTOMER_REQUIRED",
        "shipping_address": "ADDRESS_REQUIRED",
        "payment_method": "PAYMENT_METHOD_REQUIRED",
    }
    with pytest.raises(CheckoutNotReadyError) as refused:
        await shop.checkouts.complete(shopper, session.id)
    assert len(refused.value.details["requirements"]) == 3
    patch = CheckoutPatch(shipping_address=ADDRESS, payment_method="invoice")
    assert (await shop.checkouts.update(shopper, session.id, patch)).document["status"] == "incomplete"
    with pytest.raises(CustomerRequiredError):
        await shop.checkouts.complete(shopper, session.id)
    ready = await shop.checkouts.update(shopper, session.id, CheckoutPatch(email="jane@example.com"))
    assert (ready.document["status"], ready.document["requirements"]) == ("ready_for_complete", [])


async def test_null_takes_a_field_away_and_absence_leaves_it(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    changed = await shop.checkouts.update(shopper, session.id, CheckoutPatch(email=None, note="Ring twice"))
    assert (changed.document["email"], changed.document["note"]) == (None, "Ring twice")
    assert changed.document["payment_method"] == "invoice"


async def test_downloads_need_no_address_and_no_shipping(shop: Shop) -> None:
    shopper = guest()
    await shop.fill(shopper, await make_product(shop.db, requires_shipping=False, price_minor=500))
    patch = CheckoutPatch(email="jane@example.com", payment_method="invoice")
    session = await shop.checkouts.create_checkout(shopper, patch)
    assert session.document["status"] == "ready_for_complete"
    assert await shop.checkouts.shipping_options(shopper, session.id) == {"options": []}
    done = await shop.checkouts.complete(shopper, session.id)
    assert (done.document["totals"]["shipping"]["amount"], done.document["shipping_method"]) == (0, None)


async def test_a_shop_may_ask_for_less(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, checkout_requires=())
    shopper = guest()
    await shop.fill(shopper, await make_product(db))
    session = await shop.checkouts.create_checkout(shopper)
    done = await shop.checkouts.complete(shopper, session.id, payment_method="cash_on_delivery")
    assert done.document["payment_method"] == "cash_on_delivery"


async def test_ways_that_are_not_offered_are_refused(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    with pytest.raises(PaymentMethodUnavailableError):
        await shop.checkouts.update(shopper, session.id, CheckoutPatch(payment_method="gold"))
    with pytest.raises(ShippingNotAvailableError):
        await shop.checkouts.update(shopper, session.id, CheckoutPatch(shipping_method="pigeon"))
    with pytest.raises(PaymentMethodUnavailableError):
        await shop.checkouts.complete(shopper, session.id, payment_method="gold")
    assert (await shop.checkouts.get(shopper, session.id))["payment_method"] == "invoice"


async def test_without_goods_there_is_no_checkout(shop: Shop) -> None:
    shopper = guest()
    with pytest.raises(EmptyCartError):
        await shop.checkouts.create_checkout(shopper)
    line = await shop.fill(shopper, await make_product(shop.db))
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    await change(shop, shopper, Change(op="remove", line_id=line))
    with pytest.raises(EmptyCartError):
        await shop.checkouts.complete(shopper, session.id)
    with pytest.raises(EmptyCartError):
        await shop.checkouts.create_checkout(shopper)
    assert await count(shop.db, "orders") == 0


async def test_registered_customers_only(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, guest_checkout=False)
    variant = await make_product(db)
    shopper = guest()
    await shop.fill(shopper, variant)
    with pytest.raises(LoginRequiredError):
        await shop.checkouts.create_checkout(shopper)
    _, number = await shop.buy(variant, shopper=customer("u-1"))
    assert (await shop.orders.get(customer("u-1"), number)).user_id == "u-1"


async def test_a_checkout_is_taken_up_again(shop: Shop, clock: ManualClock) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    clock.advance(timedelta(minutes=30))
    again = await shop.checkouts.create_checkout(shopper, CheckoutPatch(note="Hello"))
    assert (again.id, again.answer.status, again.document["email"]) == (session.id, 200, "jane@example.com")
    assert again.document["expires_at"] > session.document["expires_at"]


async def test_an_expired_checkout_is_gone_and_makes_room(shop: Shop, clock: ManualClock) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    clock.advance(timedelta(hours=1, seconds=1))
    for act in (
        shop.checkouts.get(shopper, session.id),
        shop.checkouts.update(shopper, session.id),
        shop.checkouts.complete(shopper, session.id),
    ):
        with pytest.raises(CheckoutExpiredError):
            await act
    fresh = await shop.checkouts.create_checkout(shopper, DETAILS)
    assert fresh.id != session.id
    assert (await shop.checkouts.complete(shopper, fresh.id)).order_number is not None
    with pytest.raises(CheckoutExpiredError):
        await shop.checkouts.get(shopper, session.id)


async def test_a_canceled_checkout_leaves_the_cart(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    assert (await shop.checkouts.cancel(shopper, session.id)).document["status"] == "canceled"
    assert (await shop.checkouts.cancel(shopper, session.id)).document["status"] == "canceled"
    with pytest.raises(CheckoutClosedError):
        await shop.checkouts.complete(shopper, session.id)
    assert (await shop.carts.get(owner_of(shopper))).total_quantity == 1
    assert (await shop.checkouts.create_checkout(shopper)).id != session.id


async def test_somebody_elses_checkout_is_not_there(shop: Shop) -> None:
    _, session = await shop.ready(await make_product(shop.db))
    for stranger in (guest(), customer("u-9")):
        for act in (
            shop.checkouts.get(stranger, session.id),
            shop.checkouts.update(stranger, session.id),
            shop.checkouts.complete(stranger, session.id),
            shop.checkouts.cancel(stranger, session.id),
            shop.checkouts.shipping_options(stranger, session.id),
        ):
            with pytest.raises(CheckoutNotFoundError):
                await act
    with pytest.raises(CheckoutNotFoundError):
        await shop.checkouts.get(STAFF, uuid7())
    assert (await shop.checkouts.get(STAFF, session.id))["id"] == session.id


async def test_goods_no_longer_for_sale_are_refused(shop: Shop) -> None:
    variant = await make_product(shop.db)
    shopper, session = await shop.ready(variant)
    async with shop.db.read() as connection:
        await connection.execute("update variant set is_sellable = false where id = $1", variant)
    with pytest.raises(ProductUnavailableError) as refused:
        await shop.checkouts.complete(shopper, session.id)
    assert refused.value.details["variant_id"] == str(variant)


async def test_a_lapsed_hold_is_held_again_or_refused(shop: Shop, clock: ManualClock) -> None:
    variant = await make_product(shop.db, on_hand=1)
    shopper, session = await shop.ready(variant)
    clock.advance(timedelta(minutes=16))
    rival = guest()
    await shop.fill(rival, variant)
    with pytest.raises(InsufficientStockError) as refused:
        await shop.checkouts.complete(shopper, session.id)
    assert (refused.value.details["requested"], refused.value.details["available"]) == (1, 0)
    clock.advance(timedelta(minutes=16))
    assert (await shop.checkouts.complete(shopper, session.id)).order_number is not None
    assert await stock_figures(shop.db, variant) == (0, 0)
    assert await faults(shop.db) == {}


async def test_an_external_reference_is_given_once(shop: Shop) -> None:
    variant = await make_product(shop.db)
    shopper, session = await shop.ready(variant)
    done = await shop.checkouts.complete(shopper, session.id, external_reference="INV-1")
    again = await shop.checkouts.complete(shopper, session.id, external_reference="INV-1")
    assert again.order_number == done.order_number
    other, second = await shop.ready(variant)
    with pytest.raises(ExternalReferenceTakenError):
        await shop.checkouts.complete(other, second.id, external_reference="INV-1")
    found = await shop.orders.find_by_external_reference("INV-1")
    assert found is not None
    assert found.number == done.order_number
    assert await count(shop.db, "orders") == 1


async def test_a_number_that_is_taken_is_drawn_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = await make_product(shop.db)
    _, number = await shop.buy(variant)
    drawn = iter([number, "7K3M-9QX2-4TBA"])
    monkeypatch.setattr("pannier.checkout.placing.new_order_number", lambda: next(drawn))
    assert (await shop.buy(variant))[1] == "7K3M-9QX2-4TBA"


async def test_every_change_has_its_event_and_versions_have_no_gap(shop: Shop) -> None:
    shopper, session = await shop.ready(await make_product(shop.db))
    await shop.checkouts.update(shopper, session.id)
    await shop.checkouts.complete(shopper, session.id)
    async with shop.db.read() as connection:
        rows = await connection.fetch(
            "select aggregate_kind, type, version from event order by aggregate_kind, version"
        )
    assert [tuple(row) for row in rows] == [
        ("cart", "cart.item_added", 1),
        ("cart", "cart.converted", 2),
        ("checkout", "checkout.created", 1),
        ("checkout", "checkout.updated", 2),
        ("checkout", "checkout.completed", 3),
        ("order", "order.placed", 1),
    ]


async def change(shop: Shop, shopper: Any, *changes: Change) -> None:
    await shop.carts.apply(Command(owner_of(shopper), "cart.item_changed", changes))


async def set_price(db: Database, variant: uuid.UUID, amount_minor: int) -> None:
    async with db.read() as connection:
        await connection.execute("update price set amount_minor = $2 where variant_id = $1", variant, amount_minor)
        await connection.execute(
            "select catalog_refresh_display(array[product_id]) from variant where id = $1", variant
        )


@pytest.mark.parametrize("steps, looks", [("free", 1), ("ordered", 2)])
async def test_a_change_works_its_figures_out_once_where_steps_have_no_order(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, steps: str, looks: int
) -> None:
    """A shop that goes step by step has to know which step is next before it takes what is told."""
    shop = Shop.of(db, settings, checkout_steps=steps)
    shopper, priced, counted = guest(), rules.priced, []

    def counting(*asked: Any, **how: Any) -> Any:
        counted.append(asked)
        return priced(*asked, **how)

    monkeypatch.setattr(rules, "priced", counting)
    await shop.fill(shopper, await make_product(db), 1)

    session = await shop.checkouts.create_checkout(shopper, CheckoutPatch(email="jane@example.com"))
    assert len(counted) == looks
    counted.clear()
    await shop.checkouts.update(shopper, session.id, CheckoutPatch(email="joe@example.com"))
    assert len(counted) == looks
