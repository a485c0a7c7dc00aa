"""What a cart was: told from its events, whatever happened, and brought back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from pannier.app.audit import audit, repair
from pannier.cart import CartOwner, Change, HistoryService, MergeRequest, add
from pannier.cart.errors import CartNotFoundError, CartVersionMismatchError, HistoryNotKeptError
from pannier.cart.history_schemas import PastLine
from pannier.cart.history_service import NEWEST
from pannier.checkout import CheckoutPatch
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product
from tests.support.desk import EVERY, Desk
from tests.support.shop import ADDRESS, Shop, customer, owner_of


async def test_each_event_tells_who_when_and_what_before_and_after(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db, name="Oak stool", sku="OAK-1")
    item = (await desk.ada.add(variant, 2)).items[0].id
    await desk.ada.change(
        [Change(op="set", line_id=item, extra={"note": "for Bob"})],
        actor="ada",
        device="phone",
        correlation_id="req-2",
    )
    await desk.ada.remove(item)
    page = await desk.history.page(desk.ada.owner)
    assert [(event.version, len(event.changes)) for event in page.events] == [(3, 1), (2, 1), (1, 1)]
    noted = page.events[1]
    assert (noted.actor, noted.device, noted.request_id) == ("ada", "phone", "req-2")
    (change,) = noted.changes
    assert change.before is not None
    assert change.after is not None
    assert (change.before.note, change.after.note) == (None, "for Bob")
    assert (change.after.sku, change.after.name, change.after.quantity) == ("OAK-1", "Oak stool", 2)
    assert page.events[0].changes[0].after is None
    assert page.next_cursor is None


async def test_it_comes_in_pages_whether_kept_or_still_in_the_outbox(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db)
    for n in range(11):
        await desk.ada.add(variant, 1)
        if n == 6:
            await desk.keep()
    told: list[tuple[int, PastLine | None]] = []
    cursor: str | None = str(NEWEST)
    while cursor is not None:
        page = await desk.history.page(desk.ada.owner, limit=4, before=int(cursor))
        told += [(event.version, event.changes[0].after) for event in page.events]
        cursor = page.next_cursor
    assert [version for version, _ in told] == list(range(11, 0, -1))
    assert [line.quantity for _, line in told if isinstance(line, PastLine)] == list(range(11, 0, -1))


async def test_a_moment_finds_the_version_of_then(db: Database, settings: Settings, clock: ManualClock) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db)
    before = clock.now()
    clock.advance(timedelta(hours=1))
    await desk.ada.add(variant, 1)
    clock.advance(timedelta(hours=1))
    moment = clock.now()
    clock.advance(timedelta(hours=1))
    await desk.ada.add(variant, 1)
    for _ in range(2):
        past = await desk.history.past(desk.ada.owner, moment)
        assert (past.version, past.items[0].quantity) == (1, 1)
        with pytest.raises(HistoryNotKeptError):
            await desk.history.past(desk.ada.owner, before)
        await desk.keep()


async def test_restoring_holds_what_there_is_and_saves_the_rest(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    rare, other = await make_product(db, on_hand=3), await make_product(db)
    item = (await desk.ada.add(rare, 3)).items[0].id
    await desk.ada.remove(item)
    await desk.ada.add(other, 1)
    await Buyer(desk.carts).add(rare, 2)
    with pytest.raises(CartVersionMismatchError) as refused:
        await desk.restore(1, if_match=2)
    assert refused.value.cart.version == 3
    done = await desk.restore(1, if_match=3)
    assert [(i.variant_id, i.quantity) for i in done.cart.items] == [(str(rare), 1)]
    assert [(i.variant_id, i.quantity) for i in done.cart.saved_items] == [(str(rare), 2)]
    assert [(n.variant_id, n.missing, n.reason) for n in done.not_restored] == [(rare, 2, "stock")]
    assert [(await figures(db, variant)).held for variant in (rare, other)] == [3, 0]
    assert done.cart.version == 4
    with pytest.raises(HistoryNotKeptError):
        await desk.restore(9)
    assert await faults(db) == {}


async def test_carts_of_others_have_no_history_for_me(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    cart = await desk.ada.add(await make_product(db), 1)
    assert cart.id is not None
    for stranger in (CartOwner(user_id="eve"), CartOwner(token="ct_" + "x" * 43), CartOwner()):
        for ask in (
            desk.history.page(stranger, cart_id=UUID(cart.id)),
            desk.history.past(stranger, 1, cart_id=UUID(cart.id)),
            desk.history.page(stranger),
            desk.history.restore(stranger, 1),
        ):
            with pytest.raises(CartNotFoundError):
                await ask
    assert (await desk.history.past(desk.ada.owner, 1, cart_id=UUID(cart.id))).version == 1


async def test_a_damaged_snapshot_is_found_and_made_anew(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db)
    for _ in range(3 * EVERY):
        await desk.ada.add(variant, 1)
        await desk.history.take()
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from cart_snapshot") == 3
        await connection.execute(
            "update cart_snapshot set state = jsonb_set(state, '{status}', '\"expired\"') where version = $1", 2 * EVERY
        )
    assert [breach.name for breach in (await audit(db)).breaches] == ["cart.snapshots"]
    mended = await repair(db)
    assert mended.is_clean
    assert [done["version"] for done in mended.repairs] == [2 * EVERY]
    assert (await desk.history.past(desk.ada.owner, 2 * EVERY + 1)).items[0].quantity == 2 * EVERY + 1


async def test_a_cart_older_than_its_history_begins_with_what_it_was(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db)
    cart = await desk.ada.add(variant, 2)
    state = {"status": "active", "lines": {}, "saved": {}, "metadata": {}, "coupons": []}
    line = {"id": cart.items[0].id, "variant_id": variant, "quantity": 2, "unit_price_minor": 1000}
    async with db.read() as connection:
        await connection.execute(
            "insert into cart_snapshot values ($1, 1, $2, true)",
            UUID(str(cart.id)),
            {**state, "lines": {str(cart.items[0].id): line}},
        )
    await desk.ada.add(variant, 1)
    page = await desk.history.page(desk.ada.owner)
    assert [event.version for event in page.events] == [2]
    assert (await desk.history.past(desk.ada.owner, 2)).items[0].quantity == 3
    with pytest.raises(HistoryNotKeptError):
        await desk.history.past(desk.ada.owner, 0)


async def test_an_erased_customer_is_nobody_in_it(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db)
    secret = {"note": "call 555-1234", "device": "Adas iPhone"}
    guest = Buyer(desk.carts)
    await guest.change([add(variant, 1, note=secret["note"])], device=secret["device"])
    await desk.merges.merge(MergeRequest("ada", guest.owner.token, device=secret["device"]))
    for n in range(EVERY + 1):
        await desk.ada.change(
            [add(variant, 1, customisation={"engraving": secret["note"]})], actor="ada", device=secret["device"]
        )
        if n == EVERY // 2:
            await desk.keep()
    assert await desk.history.erase("ada", "erased-1") > EVERY
    page = await desk.history.page(desk.ada.owner)
    assert {event.actor for event in page.events} == {"erased-1"}
    async with db.read() as connection:
        for table in ("cart_history", "event", "cart_snapshot", "cart_merge"):
            told = "(regexp_match(t::text, '.{0,40}(?:555-1234|iPhone|[( ,]ada[),]).{0,40}'))[1]"
            rows = await connection.fetch(f"select {told} as told from {table} t where {told} is not null")
            assert [row["told"] for row in rows] == [], table
    past = await desk.history.past(desk.ada.owner, page.events[0].version)
    assert sum(item.quantity for item in past.items) == EVERY + 2
    assert await faults(db) == {}


async def test_an_ordered_cart_and_the_one_with_the_rest_have_theirs(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    history = HistoryService(db, settings, shop.carts)
    ada = customer("ada")
    bought, left = await make_product(db), await make_product(db)
    await shop.fill(ada, bought)
    await shop.fill(ada, left)
    cart = await shop.carts.get(owner_of(ada))
    line = next(item.id for item in cart.items if item.variant_id == str(bought))
    details = CheckoutPatch(email="a@b.example", shipping_address=ADDRESS, payment_method="invoice", line_ids=[line])
    session = await shop.checkouts.create_checkout(ada, details)
    assert (await shop.checkouts.complete(ada, session.id)).order_number is not None
    rest = await history.page(owner_of(ada))
    assert [(event.version, len(event.changes)) for event in rest.events] == [(1, 1)]
    past = await history.past(owner_of(ada), 3, cart_id=UUID(str(cart.id)))
    assert (past.status, [item.variant_id for item in past.items]) == ("converted", [bought])
    assert await faults(db) == {}
