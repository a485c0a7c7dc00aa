"""A guest's cart becomes part of a user's: what comes in, what is set aside, what is promised, and back again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from pannier.cart import Cart, CartOwner, CartService, Change, Item, add
from pannier.cart.errors import (
    CartMergeDisabledError,
    CartNotFoundError,
    CurrencyMismatchError,
    MergeClosedError,
    MergeNotFoundError,
)
from pannier.cart.merge_schemas import MergeAnswer, UndoAnswer
from pannier.cart.merge_service import MergeRequest, MergeService, decoded
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.idempotency import Key
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product

HOUR = timedelta(hours=1)
_TAKE_OFF_SALE = "update product set status = 'discontinued' where id = (select product_id from variant where id = $1)"
_REFRESH = "select catalog_refresh_display(array[(select product_id from variant where id = $1)])"


def quantities(cart: Cart) -> dict[str, int]:
    return {item.variant_id: item.quantity for item in cart.items}


def saved(cart: Cart) -> dict[str, int]:
    return {item.variant_id: item.quantity for item in cart.saved_items}


def _line(cart: Cart, variant: UUID) -> Item:
    return next(item for item in cart.items if item.variant_id == str(variant))


class Login:
    """A guest who is about to sign in as Ada, who may have a cart already."""

    def __init__(self, db: Database, settings: Settings, **changes: Any) -> None:
        self.db = db
        self.settings = settings.model_copy(update=changes)
        self.carts = CartService(db, self.settings)
        self.merges = MergeService(db, self.settings, self.carts)
        self.guest, self.ada = Buyer(self.carts), Buyer(self.carts, user_id="ada")

    @property
    def request(self) -> MergeRequest:
        return MergeRequest("ada", self.guest.owner.token, device="phone")

    async def merge(self, **options: Any) -> MergeAnswer:
        return decoded(await self.merges.merge(self.request, **options))

    async def undo(self, merge_id: UUID | None = None) -> UndoAnswer:
        return msgspec.json.decode((await self.merges.undo(self.request, merge_id)).body, type=UndoAnswer)


async def test_quantities_of_equal_lines_are_added_and_the_rest_comes_along(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    both, hers, guests = [await make_product(db) for _ in range(3)]
    await login.ada.add(both, 2)
    await login.ada.add(hers, 1)
    await login.guest.add(both, 3, note="gift wrap")
    await login.guest.add(guests, 4, attributes={"colour": "red"})
    done = await login.merge()
    assert done.status == "merged"
    assert quantities(done.cart) == {str(both): 5, str(hers): 1, str(guests): 4}
    assert _line(done.cart, both).note == "gift wrap"
    assert [(item.action, item.quantity, item.set_aside) for item in done.items] == [
        ("change", 5, 0),
        ("keep", 1, 0),
        ("insert", 4, 0),
    ]
    assert [(await figures(db, variant)).held for variant in (both, hers, guests)] == [5, 1, 4]
    assert (await login.guest.cart()).id is None
    with pytest.raises(CartNotFoundError):
        await login.guest.remove(UUID(str(done.cart.items[0].id)))
    assert await faults(db) == {}


async def test_what_limits_and_stock_do_not_allow_is_saved_with_its_reason(db: Database, settings: Settings) -> None:
    login = Login(db, settings, cart_max_quantity_per_item=4, cart_max_items=9)
    limited, short = await make_product(db), await make_product(db, on_hand=3)
    await login.ada.add(limited, 3)
    await login.guest.add(limited, 4)
    await login.guest.add(short, 3)
    async with db.read() as connection:
        await connection.execute(_TAKE_OFF_SALE, short)
        await connection.execute(_REFRESH, short)
    done = await login.merge()
    assert quantities(done.cart) == {str(limited): 4}
    assert saved(done.cart) == {str(limited): 3, str(short): 3}
    assert [item.reasons for item in done.items] == [["line_quantity"], ["unavailable"]]
    assert [(await figures(db, variant)).held for variant in (limited, short)] == [4, 0]
    assert await faults(db) == {}


async def test_a_last_unit_promised_to_the_guest_stays_promised(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    last = await make_product(db, on_hand=2)
    await login.guest.add(last, 2)
    before = await figures(db, last)
    done = await login.merge()
    assert quantities(done.cart) == {str(last): 2}
    # Transferred, and not let go and taken again: the ledger has no movement of it.
    assert (await figures(db, last)).version == before.version
    assert done.cart.items[0].availability.flags == []
    assert await faults(db) == {}


async def test_units_that_ran_out_meanwhile_are_set_aside(db: Database, settings: Settings, clock: ManualClock) -> None:
    login = Login(db, settings)
    rare = await make_product(db, on_hand=3)
    await login.guest.add(rare, 3)
    clock.advance(HOUR)
    await Buyer(login.carts).add(rare, 2)
    done = await login.merge()
    assert (quantities(done.cart), saved(done.cart)) == ({str(rare): 1}, {str(rare): 2})
    assert done.items[0].reasons == ["stock"]
    assert (await figures(db, rare)).held == 3
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "strategy, in_cart, aside",
    [
        ("sum", (5, 1, 4), (0, 0, 0)),
        ("maximum", (3, 1, 4), (0, 0, 0)),
        ("guest_quantity", (2, 1, 4), (1, 0, 0)),
        ("keep_user", (3, 1, 0), (0, 0, 4)),
        ("take_guest", (2, 0, 4), (1, 1, 0)),
        ("guest_if_user_empty", (3, 1, 0), (0, 0, 4)),
    ],
)
async def test_each_strategy_and_its_undoing(
    db: Database, settings: Settings, strategy: str, in_cart: tuple[int, ...], aside: tuple[int, ...]
) -> None:
    login = Login(db, settings, cart_merge=strategy)
    variants = [await make_product(db) for _ in range(3)]
    await login.ada.add(variants[0], 3)
    await login.ada.add(variants[1], 1)
    await login.guest.add(variants[0], 2)
    await login.guest.add(variants[2], 4)
    done = await login.merge()
    assert tuple(quantities(done.cart).get(str(v), 0) for v in variants) == in_cart
    assert tuple(saved(done.cart).get(str(v), 0) for v in variants) == aside
    assert tuple([(await figures(db, v)).held for v in variants]) == in_cart
    assert await faults(db) == {}
    undone = await login.undo()
    assert quantities(undone.cart) == {str(variants[0]): 3, str(variants[1]): 1}
    assert quantities(undone.guest_cart) == {str(variants[0]): 2, str(variants[2]): 4}
    assert (saved(undone.cart), undone.not_restored) == ({}, [])
    assert [(await figures(db, v)).held for v in variants] == [5, 1, 4]
    again = await login.carts.get(CartOwner(token=undone.cart_token))
    assert again.id == undone.guest_cart.id
    assert await faults(db) == {}


async def test_a_user_without_a_cart_gets_the_guest_s(db: Database, settings: Settings) -> None:
    login = Login(db, settings, cart_merge="guest_if_user_empty")
    variant = await make_product(db)
    await login.guest.add(variant, 3)
    done = await login.merge()
    assert quantities(await login.ada.cart()) == {str(variant): 3}
    assert done.cart.owner.user_id == "ada"
    assert await faults(db) == {}


async def test_merging_twice_is_merging_once(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    variant = await make_product(db)
    await login.ada.add(variant, 1)
    await login.guest.add(variant, 2)
    first = await login.merge()
    second = await login.merge()
    assert (second.status, second.cart.version) == ("nothing", first.cart.version)
    assert quantities(second.cart) == {str(variant): 3}
    await login.guest.add(variant, 1)
    key = Key(b"o" * 32, "k", b"h" * 32)
    once = await login.merges.merge(login.request, key=key)
    replay = await login.merges.merge(login.request, key=key)
    assert (once.body, replay.is_replay) == (replay.body, True)
    assert quantities(await login.ada.cart()) == {str(variant): 4}


async def test_without_a_guest_s_cart_nothing_changes(db: Database, settings: Settings) -> None:
    login = Login(db, settings, cart_merge="take_guest")
    variant = await make_product(db)
    before = await login.ada.add(variant, 1)
    done = await login.merge()
    assert (done.status, done.cart.version) == ("nothing", before.version)
    # An emptied cart of the guest's is one, though, and wins where the guest's always does.
    item = (await login.guest.add(variant, 1)).items[0].id
    await login.guest.remove(UUID(str(item)))
    done = await login.merge()
    assert (quantities(done.cart), saved(done.cart)) == ({}, {str(variant): 1})


async def test_another_currency_is_refused_or_set_aside(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    variant = await make_product(db, on_hand=5)
    await login.guest.add(variant, 2)
    async with db.read() as connection:
        await connection.execute("update cart set currency = 'EUR'")
    with pytest.raises(CurrencyMismatchError):
        await login.merges.preview(login.request)
    with pytest.raises(CurrencyMismatchError) as refused:
        await login.merge()
    assert refused.value.details == {"currency": "USD", "guest_currency": "EUR"}
    assert (await login.ada.cart()).id is None
    assert quantities(await login.guest.cart()) == {str(variant): 2}
    told = await login.merges.merge_at_login(login.request)
    assert [type(outcome) for outcome in told] == [CurrencyMismatchError]
    login = Login(db, settings, cart_merge_currency="set_aside")
    await login.guest.add(variant, 2)
    async with db.read() as connection:
        await connection.execute("update cart set currency = 'EUR' where token_hash is not null")
    done = await login.merge()
    assert (quantities(done.cart), saved(done.cart)) == ({}, {str(variant): 2})
    assert (await figures(db, variant)).held == 2
    assert await faults(db) == {}


async def test_metadata_codes_and_saved_lines_come_along_and_go_back(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    variant, kept = await make_product(db), await make_product(db)
    await login.ada.add(variant, 1)
    item = (await login.guest.add(kept, 2)).items[0].id
    await login.guest.change([_save(UUID(str(item)))])
    async with db.read() as connection:
        await connection.execute(
            "update cart set metadata = '{\"a\": 1, \"b\": 1}', coupons = '{A}' where user_id = 'ada'"
        )
        await connection.execute(
            "update cart set metadata = '{\"b\": 2, \"c\": 2}', coupons = '{B,A}' where user_id is null"
        )
    done = await login.merge()
    assert done.cart.metadata == {"a": 1, "b": 1, "c": 2}
    assert done.cart.coupons == ["A", "B"]
    assert saved(done.cart) == {str(kept): 2}
    undone = await login.undo(done.merge_id)
    assert (undone.cart.metadata, undone.cart.coupons, saved(undone.cart)) == ({"a": 1, "b": 1}, ["A"], {})
    assert undone.guest_cart.metadata == {"b": 2, "c": 2}
    assert saved(undone.guest_cart) == {str(kept): 2}
    assert await faults(db) == {}


def _save(item: UUID) -> Change:
    return Change(op="save", line_id=item)


async def test_a_preview_says_the_same_and_changes_nothing(db: Database, settings: Settings) -> None:
    login = Login(db, settings, cart_max_quantity_per_item=4)
    variant, other = await make_product(db, on_hand=5), await make_product(db)
    assert (await login.merges.preview(login.request)).status == "nothing"
    await login.ada.add(variant, 2)
    await login.guest.add(variant, 3)
    await login.guest.add(other, 1)
    before = await login.ada.cart()
    look = await login.merges.preview(login.request)
    assert (look.status, look.merge_id, look.cart) == ("preview", None, await login.ada.cart())
    assert (await login.ada.cart()).version == before.version
    assert quantities(await login.guest.cart()) == {str(variant): 3, str(other): 1}
    done = await login.merge()
    assert [(i.variant_id, i.quantity, i.set_aside, i.reasons) for i in look.items] == [
        (i.variant_id, i.quantity, i.set_aside, i.reasons) for i in done.items
    ]


async def test_undoing_keeps_what_was_done_since(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    both, later, gone = await make_product(db), await make_product(db), await make_product(db, on_hand=2)
    await login.ada.add(both, 1)
    await login.guest.add(both, 2)
    await login.guest.add(gone, 2)
    done = await login.merge()
    await login.ada.add(both, 4)
    await login.ada.add(later, 1)
    await login.ada.remove(_line(done.cart, gone).id)
    await Buyer(login.carts).add(gone, 1)
    undone = await login.undo()
    assert quantities(undone.cart) == {str(both): 5, str(later): 1}
    assert quantities(undone.guest_cart) == {str(both): 2, str(gone): 2}
    assert [(left.of, left.variant_id, left.missing) for left in undone.not_restored] == [("guest", gone, 2)]
    assert await faults(db) == {}


async def test_a_merge_is_undone_once_in_time_and_by_its_user(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    login = Login(db, settings)
    variant = await make_product(db)
    with pytest.raises(MergeNotFoundError):
        await login.undo()
    await login.guest.add(variant, 2)
    done = await login.merge()
    with pytest.raises(MergeNotFoundError):
        await login.merges.undo(MergeRequest("bob", None), done.merge_id)
    await login.undo(done.merge_id)
    assert await _reason(login, done.merge_id) == "undone"
    await login.guest.add(variant, 1)
    late = await login.merge()
    clock.advance(24 * HOUR)
    assert await _reason(login, late.merge_id) == "too_old"
    await login.guest.add(variant, 1)
    closed = await login.merge()
    async with db.read() as connection:
        await connection.execute("update cart set status = 'expired' where user_id = 'ada'")
    assert await _reason(login, closed.merge_id) == "cart_closed"


async def _reason(login: Login, merge_id: UUID | None) -> str:
    with pytest.raises(MergeClosedError) as refused:
        await login.undo(merge_id)
    return str(refused.value.details["reason"])


async def test_switched_off_it_refuses_and_a_login_leaves_the_guest_s_cart(db: Database, settings: Settings) -> None:
    login = Login(db, settings, enable_cart_merge=False)
    variant = await make_product(db)
    await login.guest.add(variant, 2)
    for attempt in (login.merge(), login.merges.preview(login.request), login.undo()):
        with pytest.raises(CartMergeDisabledError):
            await attempt
    assert await login.merges.merge_at_login(login.request) == []
    assert quantities(await login.guest.cart()) == {str(variant): 2}


async def test_at_login_the_carts_of_every_channel_are_merged(db: Database, settings: Settings) -> None:
    login = Login(db, settings)
    variant = await make_product(db)
    await login.guest.add(variant, 1)
    await login.guest.change([add(variant, 2)], channel="b2b")
    told = await login.merges.merge_at_login(login.request)
    assert not [outcome for outcome in told if isinstance(outcome, PannierError)]
    assert quantities(await login.ada.cart()) == {str(variant): 1}
    assert quantities(await login.carts.get(login.ada.owner, "b2b")) == {str(variant): 2}
    assert await faults(db) == {}


@pytest.mark.parametrize("hold_at", ["immediate", "checkout", "order"])
async def test_whatever_carts_promise_the_books_are_right(db: Database, settings: Settings, hold_at: str) -> None:
    login = Login(db, settings, hold_at=hold_at)
    variant, other = await make_product(db, on_hand=4), await make_product(db)
    await login.ada.add(variant, 2)
    await login.guest.add(variant, 2)
    await login.guest.add(other, 1)
    done = await login.merge()
    assert quantities(done.cart) == {str(variant): 4, str(other): 1}
    assert (await figures(db, variant)).on_hand == (0 if hold_at == "immediate" else 4)
    assert await faults(db) == {}
    undone = await login.undo()
    assert quantities(undone.guest_cart) == {str(variant): 2, str(other): 1}
    assert await faults(db) == {}


async def test_a_hold_that_began_otherwise_is_neither_lost_nor_booked_twice(db: Database, settings: Settings) -> None:
    """The shop changed when it takes stock between the two carts."""
    variant = await make_product(db, on_hand=5)
    taking = Login(db, settings, hold_at="immediate")
    await taking.guest.add(variant, 2)
    login = Login(db, settings)
    login.guest = taking.guest
    await login.ada.add(variant, 3)
    done = await login.merge()
    assert quantities(done.cart) == {str(variant): 5}
    now = await figures(db, variant)
    assert (now.on_hand, now.held) == (5, 5)
    assert await faults(db) == {}
