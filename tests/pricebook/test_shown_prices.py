"""A line is compared with what its shopper was asked when it was added, price rules and all."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from pannier.cart import (
    Cart,
    CartService,
    Change,
    Command,
    HistoryService,
    MergeRequest,
    MergeService,
    PriceChangedError,
    PriceStatements,
    repository,
)
from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from tests.cart.test_validation import set_price
from tests.support.catalogue import make_product
from tests.support.offers import make_price_rule
from tests.support.shop import DETAILS, Shop, customer, guest, owner_of

TENTH = 10


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings)


async def end_rule(db: Database, rule: str) -> None:
    async def command(connection: Connection) -> None:
        await connection.execute("update price_rule set is_active = false where id = $1", uuid.UUID(rule))
        await connection.execute("select price_book_touch()")

    await db.write(command)


async def changed(shop: Shop, shopper: Principal, *changes: Change) -> Cart:
    return (await shop.carts.apply(Command(owner_of(shopper), "cart.changed", list(changes)))).cart


def prices(cart: Cart) -> list[tuple[int, int, list[str]]]:
    """What each line was shown to cost, costs now, and its flags."""
    return [(item.added_price.amount, item.unit_price.amount, item.availability.flags) for item in cart.items]


async def change_of(shop: Shop, shopper: Principal) -> list[int]:
    compared = await PriceStatements(shop.db, shop.carts, b"k" * 32).compare(owner_of(shopper), None)
    return [line.change.amount for line in compared.lines]


async def test_a_rule_that_was_in_force_when_it_was_added_is_no_change(shop: Shop, db: Database) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await make_price_rule(db, percent=TENTH)
    await shop.fill(shopper, variant)

    assert prices(await shop.carts.get(owner_of(shopper))) == [(900, 900, [])]
    assert await change_of(shop, shopper) == [0]
    assert (await shop.carts.validate(owner_of(shopper))).findings == []
    await shop.checkouts.create_checkout(shopper, DETAILS)


async def test_a_rule_that_comes_or_goes_is_a_change_that_is_agreed_to(shop: Shop, db: Database) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    rule = await make_price_rule(db, percent=TENTH)
    await shop.fill(shopper, variant)
    await end_rule(db, rule)

    assert prices(await shop.carts.get(owner_of(shopper))) == [(900, 1000, ["price_changed"])]
    assert await change_of(shop, shopper) == [100]
    with pytest.raises(PriceChangedError) as refused:
        await shop.checkouts.create_checkout(shopper, DETAILS)
    found = await shop.carts.validate(owner_of(shopper))
    assert found.findings[0].details == {"before": 900, "after": 1000, "currency": "USD"}
    # One token for both, since both tell the same.
    assert refused.value.details["consent_token"] == found.consent_token
    agreed = await shop.carts.accept_changes(
        Command(owner_of(shopper), "cart.changes_accepted"), str(found.consent_token)
    )
    assert prices(agreed.cart) == [(1000, 1000, [])]
    await make_price_rule(db, percent=TENTH)
    assert prices(await shop.carts.get(owner_of(shopper))) == [(1000, 900, ["price_changed"])]
    token = (await shop.carts.validate(owner_of(shopper))).consent_token
    begun = await shop.checkouts.create_checkout(shopper, DETAILS.model_copy(update={"consent_token": token}))
    assert begun.document["totals"]["subtotal"]["amount"] == 900


async def test_a_list_price_moves_what_the_rule_makes_of_it(shop: Shop, db: Database) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await make_price_rule(db, percent=TENTH)
    await shop.fill(shopper, variant)
    await set_price(db, variant, 1200)

    assert prices(await shop.carts.get(owner_of(shopper))) == [(900, 1080, ["price_changed"])]
    assert await change_of(shop, shopper) == [180]


async def test_a_process_that_has_not_heard_of_a_rule_shows_it_all_the_same(db: Database, settings: Settings) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    one, other = Shop.of(db, settings), Shop.of(db, settings)
    await one.fill(guest(), variant)
    rule = await make_price_rule(db, percent=TENTH)
    await one.fill(shopper, variant)
    await end_rule(db, rule)

    assert prices(await other.carts.get(owner_of(shopper))) == [(900, 1000, ["price_changed"])]


async def test_where_prices_are_kept_it_is_what_was_asked_that_is_kept(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings, cart_price_policy="keep")
    variant, shopper = await make_product(db, price_minor=1000), guest()
    rule = await make_price_rule(db, percent=TENTH)
    await shop.fill(shopper, variant)
    await end_rule(db, rule)
    await set_price(db, variant, 1500)

    assert prices(await shop.carts.get(owner_of(shopper))) == [(900, 900, [])]
    # Also where nothing but settings make prices, which are quoted another way.
    assert shop.carts.rules.prices.is_plain
    begun = await shop.checkouts.create_checkout(shopper, DETAILS)
    assert begun.document["totals"]["subtotal"]["amount"] == 900


@pytest.mark.parametrize("way", ["saved and back", "duplicate", "merge", "history"])
async def test_a_line_takes_along_what_was_asked_for_it(shop: Shop, db: Database, settings: Settings, way: str) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    rule = await make_price_rule(db, percent=TENTH)
    line = await shop.fill(shopper, variant)
    await end_rule(db, rule)
    expected = [(900, 1000, ["price_changed"])]
    if way == "saved and back":
        saved = await changed(shop, shopper, Change(op="save", line_id=line))
        assert saved.saved_items[0].added_price.amount == 900
        await changed(shop, shopper, Change(op="restore", line_id=line))
    elif way == "duplicate":
        await changed(shop, shopper, Change(op="duplicate", line_id=line, copy_id=uuid7()))
        expected *= 2
    elif way == "merge":
        assert shopper.cart_token is not None
        await MergeService(db, settings, shop.carts).merge_at_login(MergeRequest("jane", shopper.cart_token))
        shopper = customer("jane")
    else:
        await changed(shop, shopper, Change(op="remove", line_id=line))
        await HistoryService(db, settings, shop.carts).restore(owner_of(shopper), 1)

    assert prices(await shop.carts.get(owner_of(shopper))) == expected


async def test_of_a_line_from_before_only_the_lists_price_is_known(shop: Shop, db: Database) -> None:
    """Of both prices it is told what today's rules make."""
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await shop.fill(shopper, variant)
    async with db.read() as connection:
        await connection.execute("update cart_line set shelf_minor = null, shown_minor = null")
    await make_price_rule(db, percent=TENTH)

    assert prices(await shop.carts.get(owner_of(shopper))) == [(900, 900, [])]
    await set_price(db, variant, 1200)
    assert prices(await shop.carts.get(owner_of(shopper))) == [(900, 1080, ["price_changed"])]
    assert await change_of(shop, shopper) == [180]


async def test_a_price_that_moves_between_look_and_write_is_looked_at_again(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant, shopper = await make_product(db, price_minor=1000), guest()
    await make_price_rule(db, percent=TENTH)
    look, looks = repository.offered, 0

    async def offered(*asked: Any) -> Any:
        nonlocal looks
        looks += 1
        found = await look(*asked)
        if looks == 1:
            await set_price(db, variant, 2000)
        return found

    monkeypatch.setattr("pannier.cart.asking.offered", offered)
    shop = Shop(db, settings, CartService(db, settings), Shop.of(db, settings).checkouts, Shop.of(db, settings).orders)
    await shop.fill(shopper, variant)

    assert looks == 2
    assert prices(await shop.carts.get(owner_of(shopper))) == [(1800, 1800, [])]
