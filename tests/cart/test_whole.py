"""Selection, metadata, and answers that hold no more than what changed."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from pannier.cart import CartService, Change, Command, add
from pannier.cart.errors import CartNotFoundError, ItemNotFoundError, LimitExceededError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer, of
from tests.support.catalogue import figures, make_product


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


def select(*lines: UUID) -> Change:
    return Change(op="select", select="only", line_ids=lines)


async def test_a_selection_says_exactly_what_is_selected(carts: CartService, db: Database) -> None:
    buyer = Buyer(carts)
    cart = await buyer.change([add(await make_product(db), 1) for _ in range(3)])
    one, two, three = (item.id for item in cart.items)
    cart = await buyer.change([select(two)])
    assert ([item.selected for item in cart.items], cart.selected_count) == ([False, True, False], 1)
    outcome = await carts.apply(Command(buyer.owner, "cart.selection_changed", [select(two, three)]))
    assert outcome.answer.results[0].details == {"selected": [str(three)], "deselected": []}
    assert (await buyer.change([Change(op="select", select="none")])).selected_count == 0
    assert (await buyer.change([Change(op="select", select="all")])).selected_count == 3
    with pytest.raises(ItemNotFoundError):
        await buyer.change([select(one, uuid7())])
    assert (await buyer.cart()).selected_count == 3
    assert await faults(db) == {}


async def test_the_selected_lines_can_be_removed_alone(carts: CartService, db: Database) -> None:
    first, second = await make_product(db), await make_product(db)
    buyer = Buyer(carts)
    await buyer.add(first, 2)
    cart = await buyer.add(second, 3)
    await buyer.change([select(cart.items[0].id)])
    left = await buyer.change([], is_clear=True, clear_scope="selected")
    assert [(item.variant_id, item.quantity) for item in left.items] == [(str(second), 3)]
    assert ((await figures(db, first)).held, (await figures(db, second)).held) == (0, 3)
    assert await faults(db) == {}


async def test_metadata_is_laid_over_what_is_there(carts: CartService, db: Database) -> None:
    buyer = Buyer(carts)
    made = await buyer.change([Change(op="metadata", values={"source": "newsletter", "gift": "yes"})])
    assert (made.version, made.items, made.metadata) == (1, [], {"source": "newsletter", "gift": "yes"})
    cart = await buyer.change([Change(op="metadata", values={"gift": None, "table": "7"})])
    assert cart.metadata == {"source": "newsletter", "table": "7"}
    with pytest.raises(LimitExceededError) as refused:
        await buyer.change([Change(op="metadata", values={"long": "x" * 8192})])
    assert refused.value.details["limit"] == "metadata_bytes"
    assert (await buyer.add(await make_product(db))).metadata == {"source": "newsletter", "table": "7"}
    assert await faults(db) == {}


async def test_a_minimal_answer_has_what_changed_and_the_counts_of_all(carts: CartService, db: Database) -> None:
    variants = [await make_product(db) for _ in range(3)]
    buyer = Buyer(carts)
    cart = await buyer.change([add(variant, 2) for variant in variants])
    kept, removed, saved = (of(cart, variant).id for variant in variants)
    await buyer.change([Change(op="save", line_id=saved)])
    changes = [add(variants[0], 1), Change(op="remove", line_id=removed)]
    delta = (await carts.apply(Command(buyer.owner, "cart.items_changed", changes, is_minimal=True))).delta
    assert delta is not None
    assert [(item.id, item.quantity) for item in delta.items] == [(kept, 3)]
    assert delta.gone == [removed]
    assert (delta.version, delta.total_items, delta.total_quantity, delta.total_saved) == (3, 1, 3, 1)
    assert delta.hold_expires_at is not None
    assert delta.items[0].availability.flags == []


async def test_a_batch_answers_each_as_it_asked(carts: CartService, db: Database) -> None:
    variant = await make_product(db)
    whole, part = Buyer(carts), Buyer(carts)
    for buyer in (whole, part):
        await buyer.add(await make_product(db))
    commands = [Command(b.owner, "cart.item_added", [add(variant, 1)], is_minimal=b is part) for b in (whole, part)]
    answers = [answer for answer in await carts._apply(commands) if not isinstance(answer, Exception)]
    counts = [(len(a.answer.cart.lines or ()), a.answer.cart.counts) for a in answers if a.answer and a.answer.cart]
    assert counts == [(2, None), (1, (2, 2, 0))]


async def test_a_replay_answers_as_much_as_was_asked_for_then(carts: CartService, db: Database) -> None:
    buyer, variant = Buyer(carts), await make_product(db)
    await buyer.add(await make_product(db))
    command = Command(
        buyer.owner, "cart.item_added", [add(variant, 1)], is_minimal=True, idempotency_key="k", request_hash=b"k"
    )
    first = await carts.apply(command)
    again = await carts.apply(replace(command, is_minimal=False))
    assert (again.is_replay, again.delta) == (True, first.delta)
    assert first.delta is not None


async def test_there_is_nothing_to_select_without_a_cart(carts: CartService) -> None:
    with pytest.raises(CartNotFoundError):
        await Buyer(carts).change([Change(op="select", select="all")])
