"""Whatever is done to a cart, every state that it was in can be told from its history and brought back."""

from __future__ import annotations

import contextlib
from random import Random
from uuid import UUID

import msgspec
import pytest

from pannier.cart import Cart, Change, Command, MergeRequest, add
from pannier.cart.errors import MergeClosedError, MergeNotFoundError
from pannier.cart.sharing_schemas import AddShared, Share
from pannier.cart.sharing_service import By
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import make_product
from tests.support.desk import Desk, ids, shown

CODES = ("SPRING", "FRIENDS")


async def _act(desk: Desk, chance: Random, variants: list[UUID], cart: Cart) -> Cart:
    """One thing a shopper may do to the cart, as chance has it."""
    if chance.random() < 0.1:
        return await desk.ada.clear(chance.choice(["all", "selected", "selected"]))
    return await desk.ada.change(chance.choice(_options(chance, variants, cart)), is_atomic=chance.random() < 0.5)


def _options(chance: Random, variants: list[UUID], cart: Cart) -> list[list[Change]]:
    """Requests that can be carried out on the cart as it is."""
    items = [UUID(str(item.id)) for item in cart.items]
    kept = [UUID(str(item.id)) for item in cart.saved_items]
    options: list[list[Change]] = [
        [add(chance.choice(variants), chance.randint(1, 3))],
        [add(chance.choice(variants), 1, attributes={"colour": chance.choice(["red", "blue"])}, note="n")],
        [add(variant, 1) for variant in chance.sample(variants, 2)],
        [Change(op="metadata", values={chance.choice("ab"): chance.choice(["gift", None])})],
        [Change(op="delivery", values={"destination": chance.choice([None, {"country": "US"}])})],
    ]
    entered, other = (
        [code for code in CODES if code in cart.coupons],
        [code for code in CODES if code not in cart.coupons],
    )
    if entered:
        options.append([Change(op="coupon", values={"leave": chance.choice(entered)})])
    if other:
        options.append([Change(op="coupon", values={"enter": chance.choice(other)})])
    if items:
        item = chance.choice(items)
        options += [
            [Change(op="set", line_id=item, quantity=chance.randint(0, 4))],
            [
                Change(
                    op="set",
                    line_id=item,
                    extra={"note": chance.choice(["x", None])},
                    is_selected=chance.random() < 0.5,
                )
            ],
            [Change(op="set", line_id=item, extra={"attributes": {"colour": "red"}})],
            [Change(op="remove", line_id=item)],
            [Change(op="save", line_id=item)],
            [Change(op="duplicate", line_id=item, copy_id=uuid7())],
            [Change(op="remove", line_id=item), add(chance.choice(variants), 1)],
            [Change(op="select", select="only", line_ids=[item])],
            [Change(op="select", select=chance.choice(["all", "none"]))],
            [Change(op="save", line_id=line) for line in items[:2]],
        ]
    if kept:
        line = chance.choice(kept)
        options += [
            [Change(op="restore", line_id=line, quantity=chance.choice([None, 1]))],
            [Change(op="remove", line_id=line)],
            [Change(op="set", line_id=line, quantity=chance.randint(0, 3))],
        ]
    return options


async def _merge_a_guest(desk: Desk, variants: list[UUID], chance: Random, cart: Cart) -> Cart:
    guest = Buyer(desk.carts)
    saved = (await guest.add(chance.choice(variants), 1)).items[0].id
    await guest.change([Change(op="save", line_id=UUID(str(saved)))])
    await guest.add(chance.choice(variants), 2, note="from the guest")
    await desk.merges.merge(MergeRequest("ada", guest.owner.token))
    return await desk.ada.cart()


async def _take_a_merge_back(desk: Desk, variants: list[UUID], chance: Random, cart: Cart) -> Cart:
    with contextlib.suppress(MergeNotFoundError, MergeClosedError):
        await desk.merges.undo(MergeRequest("ada", None))
    return await desk.ada.cart()


async def _have_a_friend_help(desk: Desk, variants: list[UUID], chance: Random, cart: Cart) -> Cart:
    """Somebody else adds by a link."""
    link = msgspec.json.decode((await desk.sharing.share(desk.ada.owner, "collaborate")).body, type=Share)
    await desk.sharing.add(str(link.token), AddShared(chance.choice(variants), name="Bob"), By())
    await desk.sharing.revoke(desk.ada.owner, link.id)
    return await desk.ada.cart()


async def _agree_to_a_new_price(desk: Desk, variants: list[UUID], chance: Random, cart: Cart) -> Cart:
    variant = chance.choice(variants)
    async with desk.db.read() as connection:
        await connection.execute(
            "update price set amount_minor = $2 where variant_id = $1", variant, chance.randint(1, 900)
        )
        await connection.execute(
            "select catalog_refresh_display(array[(select product_id from variant where id = $1)])", variant
        )
    found = await desk.carts.validate(desk.ada.owner)
    if found.consent_token:
        await desk.carts.accept_changes(Command(desk.ada.owner, "cart.changes_accepted"), found.consent_token)
    return await desk.ada.cart()


async def _go_back(desk: Desk, variants: list[UUID], chance: Random, cart: Cart) -> Cart:
    return (await desk.restore(chance.randint(1, cart.version))).cart


async def _take_the_history(desk: Desk, variants: list[UUID], chance: Random, cart: Cart) -> Cart:
    await desk.keep()
    return cart


#: What happens beside changes of lines, and how often of a hundred times.
_HAPPENS = {
    _merge_a_guest: 7, _take_a_merge_back: 4, _have_a_friend_help: 4, _agree_to_a_new_price: 6, _go_back: 5,
    _take_the_history: 8,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_every_version_can_be_told_from_the_history(db: Database, settings: Settings, seed: int) -> None:
    """Random shopping, with what was there after every step put down on the way."""
    chance = Random(seed)
    desk = Desk(db, settings, cart_max_items=0)
    variants = [await make_product(db, on_hand=1000, price_minor=100 * n) for n in range(1, 5)]
    cart = await desk.ada.add(variants[0], 1)
    seen = {cart.version: cart}
    for _ in range(60):
        names = [*_HAPPENS, None]
        chosen = chance.choices(names, [*_HAPPENS.values(), 100 - sum(_HAPPENS.values())])[0]
        cart = await (chosen(desk, variants, chance, cart) if chosen else _act(desk, chance, variants, cart))
        seen[cart.version] = cart
    assert list(seen) == list(range(1, cart.version + 1))
    for version, then in seen.items():
        past = await desk.history.past(desk.ada.owner, version)
        assert shown(past) == shown(then), version
        assert ids(past) == ids(then), version
    await desk.keep()
    for version, then in seen.items():
        assert shown(await desk.history.past(desk.ada.owner, version)) == shown(then), version
    for version in chance.sample(list(seen), 6):
        assert shown((await desk.restore(version)).cart) == shown(seen[version]), version
    assert await faults(db) == {}
