"""What stands against buying a cart, and the shopper's agreement to what has changed: bound to what was shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from pannier.cart import CartService, Command, PriceChangedError, add
from pannier.cart.errors import ChangesNotShownError, FeatureDisabledError
from pannier.cart.validation import Validation
from pannier.checkout import CheckoutPatch
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer, flags
from tests.support.catalogue import figures, make_product
from tests.support.shop import DETAILS, Shop, guest, owner_of


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


async def change(db: Database, variant: UUID, statement: str, *values: object) -> None:
    """Change a product as the catalogue would."""
    async with db.read() as connection:
        await connection.execute(statement, variant, *values)
        await connection.execute(
            "select catalog_refresh_display(array[(select product_id from variant where id = $1)])", variant
        )


async def set_price(db: Database, variant: UUID, minor: int) -> None:
    await change(db, variant, "update price set amount_minor = $2 where variant_id = $1", minor)


def codes(found: Validation) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.code, finding.action) for finding in found.findings]


async def accept(buyer: Buyer, token: str | None, **options: Any) -> Any:
    assert token is not None
    command = Command(buyer.owner, "cart.changes_accepted", **options)
    return (await buyer.carts.accept_changes(command, token)).cart


async def test_a_cart_that_can_be_bought_has_no_findings(carts: CartService, db: Database) -> None:
    buyer = Buyer(carts)
    assert codes(await carts.validate(buyer.owner)) == [("error", "EMPTY_CART", "add")]
    await buyer.add(await make_product(db))
    found = await carts.validate(buyer.owner)
    assert (found.is_valid, found.needs_consent, found.consent_token, found.findings) == (True, False, None, [])


async def test_a_price_is_agreed_to_as_it_was_shown(carts: CartService, db: Database) -> None:
    variant, other = await make_product(db, price_minor=1000), await make_product(db)
    buyer = Buyer(carts)
    await buyer.add(variant, 2)
    await buyer.add(other)
    await set_price(db, variant, 1200)
    found = await carts.validate(buyer.owner)
    assert codes(found) == [("warning", "PRICE_CHANGED", "accept")]
    assert found.findings[0].details == {"before": 1000, "after": 1200, "currency": "USD"}
    assert (found.is_valid, found.needs_consent) == (True, True)
    assert (await carts.validate(buyer.owner)).consent_token == found.consent_token
    cart = await accept(buyer, found.consent_token)
    assert flags(cart) == [[], []]
    assert (cart.items[0].unit_price.amount, cart.items[0].added_price.amount, cart.version) == (1200, 1200, 3)
    # Agreeing again, as a client does that lost the answer, changes nothing.
    assert (await accept(buyer, found.consent_token)).version == 3
    assert await faults(db) == {}


async def test_nobody_agrees_to_what_was_not_shown(carts: CartService, db: Database) -> None:
    variant = await make_product(db, price_minor=1000)
    buyer, rival = Buyer(carts), Buyer(carts)
    for shopper in (buyer, rival):
        await shopper.add(variant)
    await set_price(db, variant, 1200)
    token = (await carts.validate(buyer.owner)).consent_token
    with pytest.raises(ChangesNotShownError):
        await accept(rival, token)
    await set_price(db, variant, 1300)
    with pytest.raises(ChangesNotShownError) as refused:
        await accept(buyer, token)
    shown = refused.value.details["validation"]
    assert shown["findings"][0]["details"]["after"] == 1300
    assert flags(await buyer.cart()) == [["price_changed"]]
    assert flags(await accept(buyer, shown["consent_token"])) == [[]]


async def test_the_price_is_looked_at_under_the_lock(carts: CartService, db: Database) -> None:
    """What the service has read may be old by the time it writes: the write itself looks once more."""
    from pannier.cart import Change

    variant = await make_product(db, price_minor=1000)
    buyer = Buyer(carts)
    item = (await buyer.add(variant)).items[0].id
    await set_price(db, variant, 1300)
    with pytest.raises(ChangesNotShownError):
        await buyer.change([Change(op="set", line_id=item, accepted_minor=1200)])
    assert flags(await buyer.cart()) == [["price_changed"]]


async def test_what_is_gone_or_short_is_said_and_settled_by_agreeing(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    carts = CartService(db, settings.model_copy(update={"hold_at": "order"}))
    short, none, gone = [await make_product(db, on_hand=5) for _ in range(3)]
    buyer = Buyer(carts)
    await buyer.change([add(short, 2, attributes={"n": 1})])
    await buyer.change([add(short, 3, attributes={"n": 2})])
    await buyer.change([add(none, 1)])
    await buyer.change([add(gone, 1)])
    await change(db, short, "update stock set on_hand = 3 where variant_id = $1")
    await change(db, none, "update stock set on_hand = 0 where variant_id = $1")
    await change(db, gone, "update variant set is_active = false where id = $1")
    found = await carts.validate(buyer.owner)
    assert codes(found) == [
        ("error", "INSUFFICIENT_STOCK", "reduce"),
        ("error", "INSUFFICIENT_STOCK", "reduce"),
        ("error", "PRODUCT_UNAVAILABLE", "remove"),
    ]
    assert found.findings[0].details == {"requested": 3, "available": 3, "allowed": 1}
    assert not found.is_valid
    cart = await accept(buyer, found.consent_token)
    assert [(item.attributes, item.quantity) for item in cart.items] == [({"n": 1}, 2), ({"n": 2}, 1)]
    assert sorted(item.reason for item in cart.saved_items) == ["out_of_stock", "unavailable"]
    assert (await carts.validate(buyer.owner)).findings == []


async def test_limits_that_were_lowered_are_found(db: Database, settings: Settings) -> None:
    variant = await make_product(db, on_hand=50)
    buyer = Buyer(CartService(db, settings))
    await buyer.add(variant, 10)
    buyer.carts = CartService(db, settings.model_copy(update={"cart_max_quantity_per_item": 4}))
    found = await buyer.carts.validate(buyer.owner)
    assert codes(found) == [("error", "LIMIT_EXCEEDED", "reduce")]
    cart = await accept(buyer, found.consent_token)
    assert (cart.total_quantity, (await figures(db, variant)).held) == (4, 4)


async def test_a_hold_that_ran_out_is_told_and_needs_no_agreement(
    carts: CartService, db: Database, clock: ManualClock
) -> None:
    buyer = Buyer(carts)
    await buyer.add(await make_product(db))
    clock.advance(timedelta(hours=1))
    found = await carts.validate(buyer.owner)
    assert codes(found) == [("info", "HOLD_EXPIRED", "wait")]
    assert (found.is_valid, found.needs_consent) == (True, False)


async def test_a_checkout_begins_when_the_prices_were_agreed_to(db: Database, settings: Settings) -> None:
    shop, shopper = Shop.of(db, settings), guest()
    variant = await make_product(db, price_minor=1000)
    item = await shop.fill(shopper, variant)
    await set_price(db, variant, 1500)
    with pytest.raises(PriceChangedError) as refused:
        await shop.checkouts.create_checkout(shopper, DETAILS)
    assert refused.value.details["findings"][0]["item_id"] == str(item)
    token = refused.value.details["consent_token"]
    assert token == (await shop.carts.validate(owner_of(shopper))).consent_token
    wrong = DETAILS.model_copy(update={"consent_token": "0" * 64})
    with pytest.raises(PriceChangedError):
        await shop.checkouts.create_checkout(shopper, wrong)
    agreed = CheckoutPatch(**{**DETAILS.model_dump(exclude_unset=True), "consent_token": token})
    session = await shop.checkouts.create_checkout(shopper, agreed)
    assert session.document["totals"]["total"]["amount"] == 1500
    assert (await shop.checkouts.complete(shopper, session.id)).order_number is not None
    assert await faults(db) == {}


async def test_lines_that_are_not_bought_ask_for_no_agreement(db: Database, settings: Settings) -> None:
    shop, shopper = Shop.of(db, settings), guest()
    changed, plain = await make_product(db), await make_product(db)
    await shop.fill(shopper, changed)
    wanted = await shop.fill(shopper, plain)
    await set_price(db, changed, 9900)
    patch = CheckoutPatch(**{**DETAILS.model_dump(exclude_unset=True), "line_ids": [wanted]})
    assert (await shop.checkouts.create_checkout(shopper, patch)).document["total_items"] == 1


async def test_where_validation_is_off_nobody_is_asked(db: Database, settings: Settings) -> None:
    shop, shopper = Shop.of(db, settings, enable_cart_validation=False), guest()
    variant = await make_product(db, price_minor=1000)
    await shop.fill(shopper, variant)
    await set_price(db, variant, 1500)
    with pytest.raises(FeatureDisabledError) as refused:
        await shop.carts.validate(owner_of(shopper))
    assert refused.value.details["setting"] == "PANNIER_ENABLE_CART_VALIDATION"
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    assert session.document["totals"]["total"]["amount"] == 1500


async def test_a_price_is_kept_where_the_shop_keeps_it(db: Database, settings: Settings, clock: ManualClock) -> None:
    shop = Shop.of(db, settings, cart_price_policy="keep", cart_price_keep_minutes=30.0)
    shopper, variant = guest(), await make_product(db, price_minor=7896)
    buyer = Buyer(shop.carts)
    buyer.owner = owner_of(shopper)
    await buyer.add(variant)
    await set_price(db, variant, 8000)
    cart = await buyer.add(variant)
    assert (cart.items[0].unit_price.amount, cart.totals.total.amount, flags(cart)) == (7896, 15792, [[]])
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    assert session.document["totals"]["total"]["amount"] == 15792
    clock.advance(timedelta(minutes=31))
    cart = await buyer.cart()
    assert (cart.items[0].unit_price.amount, flags(cart)) == (8000, [["price_changed", "hold_expired"]])
    with pytest.raises(PriceChangedError):
        await shop.checkouts.create_checkout(shopper, DETAILS)


async def test_a_line_that_is_no_longer_for_sale_counts_or_not(db: Database, settings: Settings) -> None:
    buyer = Buyer(CartService(db, settings))
    kept, gone = await make_product(db, price_minor=1000), await make_product(db, price_minor=500)
    await buyer.add(kept, 10)
    await buyer.add(gone)
    await change(db, gone, "update variant set is_active = false where id = $1")
    assert (await buyer.cart()).totals.total.amount == 10_500
    buyer.carts = CartService(db, settings.model_copy(update={"unavailable_line": "unpriced"}))
    cart = await buyer.cart()
    assert (cart.totals.total.amount, flags(cart)) == (10_000, [[], ["unavailable"]])
