"""A batch is nothing but its requests one by one: the same answers, the same rows, whatever its members are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest_asyncio
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from pannier.cart import CartOwner, CartService, Change, Command, Outcome, add
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.twins import make_twin, start_over, state

SHOPPERS = 5
_TIMES = {"created_at", "updated_at", "added_at", "expires_at", "hold_expires_at", "held_until"}


@dataclass
class Twins:
    """The same shop twice; `products` by what is special about them."""

    batched: Database
    single: Database
    settings: Settings
    products: dict[str, UUID]


@pytest_asyncio.fixture
async def twins(db: Database, other_database_url: str, settings: Settings, clock: ManualClock) -> AsyncIterator[Twins]:
    products = {
        "plenty": await make_product(db, on_hand=1000),
        "scarce": await make_product(db, on_hand=3),
        "last": await make_product(db, on_hand=1),
        "none": await make_product(db, on_hand=0),
        "safe": await make_product(db, on_hand=4, safety_quantity=2),
        "backordered": await make_product(db, on_hand=1, backorder_max=2),
        "uncounted": await make_product(db, on_hand=None),
        "few_each": await make_product(db, on_hand=20, quantity_max=2),
        "archived": await make_product(db, status="archived"),
        "euros": await make_product(db, currency="EUR"),
        "tiered": await make_product(db, on_hand=50),
        "withdrawn": await make_product(db, on_hand=50),
        "unknown": uuid7(),
    }
    await reprice(
        db,
        products["tiered"],
        "insert into price (id, variant_id, currency, quantity_min, amount_minor)"
        " values (gen_random_uuid(), $1, 'USD', 3, 900)",
    )
    other = await Database.connect(other_database_url, settings, clock)
    await make_twin(db, other)
    for database in (db, other):
        await start_over(database)
    async with other.read() as connection:
        await connection.execute(STEP_BY_STEP)
    yield Twins(db, other, settings, products)
    await other.close()


async def reprice(db: Database, variant: UUID, statement: str) -> None:
    """Change its prices, and what is shown of it."""
    async with db.read() as connection:
        await connection.execute(statement, variant)
        await connection.execute(
            "select catalog_refresh_display(array(select product_id from variant where id = $1))", variant
        )


# What the one statement of many plain adds comes to is what its steps do, so one of the twins has no such statement.
STEP_BY_STEP = """
    create or replace function cart_add_plain(
      p_requests jsonb, p_carts uuid[], p_is_mine boolean[], p_lapsed uuid[], p_policy cart_policy, p_now timestamptz
    ) returns jsonb language sql as 'select null::jsonb'"""
PRODUCTS = (
    "plenty", "scarce", "last", "none", "safe", "backordered", "uncounted", "few_each", "archived", "euros", "tiered",
    "unknown",
)  # fmt: skip
QUANTITIES = st.sampled_from([1, 1, 1, 2, 3, 7, 99, 101])


@dataclass(frozen=True)
class Wish:
    """A change that is yet to be aimed at a line: `line` counts the lines the shopper ever asked for."""

    op: str
    product: str = "plenty"
    quantity: int = 1
    line: int = 0
    attributes: str | None = None


@dataclass(frozen=True)
class Request:
    """What one shopper sends."""

    shopper: int
    wishes: tuple[Wish, ...]
    is_clear: bool = False
    is_atomic: bool = True
    if_match: str = "none"
    key: str | None = None


_ADD = st.builds(
    Wish, op=st.just("add"), product=st.sampled_from(PRODUCTS), quantity=QUANTITIES,
    attributes=st.sampled_from([None, None, "red", "blue"]),
)  # fmt: skip
_SET = st.builds(Wish, op=st.just("set"), line=st.integers(0, 9), quantity=st.integers(0, 5))
_REMOVE = st.builds(Wish, op=st.just("remove"), line=st.integers(0, 9))
_WISHES = st.one_of(
    st.tuples(_ADD), st.tuples(_ADD), st.tuples(_SET), st.tuples(_REMOVE),
    st.lists(st.one_of(_ADD, _ADD, _SET, _REMOVE), min_size=2, max_size=4).map(tuple),
)  # fmt: skip
REQUESTS = st.builds(
    Request,
    shopper=st.integers(0, SHOPPERS - 1),
    wishes=_WISHES,
    is_clear=st.sampled_from([False] * 7 + [True]),
    is_atomic=st.booleans(),
    if_match=st.sampled_from(["none", "none", "none", "right", "wrong"]),
    key=st.sampled_from([None, None, "a", "b"]),
)
# Minutes go by before each batch: none, past half of a hold's life, past all of it.
BATCHES = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 8, 16]),
        st.lists(REQUESTS, min_size=2, max_size=5, unique_by=lambda request: request.shopper),
    ),
    min_size=1,
    max_size=4,
)
HOUSE_RULES = st.fixed_dictionaries(
    {
        "hold_at": st.sampled_from(["add", "add", "immediate", "checkout"]),
        "short_stock": st.sampled_from(["refuse", "partial"]),
        "over_limit": st.sampled_from(["refuse", "clamp"]),
        "cart_max_lines": st.sampled_from([0, 3]),
    }
)


@dataclass
class Shoppers:
    """Turns requests into commands; what it hands out is for both twins."""

    products: dict[str, UUID]
    lines: dict[int, list[UUID]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)

    def owner(self, shopper: int) -> CartOwner:
        return CartOwner(user_id=f"user-{shopper}") if shopper == 0 else CartOwner(token=f"token-{shopper}")

    def command(self, request: Request) -> Command:
        changes = [] if request.is_clear else [self._change(request.shopper, wish) for wish in request.wishes]
        version = self.versions.get(request.shopper, 0)
        return Command(
            self.owner(request.shopper),
            "cart.changed",
            changes,
            is_clear=request.is_clear,
            is_atomic=request.is_atomic,
            if_match={"none": None, "right": version, "wrong": version + 7}[request.if_match],
            idempotency_key=request.key,
            # A key that comes again belongs to the same request when this is the same.
            request_hash=hashlib.sha256(repr(request.wishes).encode()).digest(),
        )

    def _change(self, shopper: int, wish: Wish) -> Change:
        mine = self.lines.setdefault(shopper, [])
        if wish.op == "add":
            attributes = {"colour": wish.attributes} if wish.attributes else None
            change = add(self.products[wish.product], wish.quantity, attributes=attributes)
            mine.append(change.line_id)
            return change
        # Somebody else's line, or nobody's, is not found.
        known = [*mine, *self.lines.get((shopper + 1) % SHOPPERS, [])[:1], UUID(int=0)]
        line_id = known[wish.line % len(known)]
        if wish.op == "remove":
            return Change(op="remove", line_id=line_id)
        return Change(op="set", line_id=line_id, quantity=wish.quantity)


async def in_one_batch(service: CartService, commands: Sequence[Command]) -> list[Any]:
    """Send them while every lane is busy, so that they share what comes next; errors are answers, too."""
    batcher = service._writes
    # Nobody is to come along with those of the batch before.
    batcher._lose_patience()
    lanes, batcher._free_lanes = batcher._free_lanes, 0
    tasks = [asyncio.create_task(told(service, command)) for command in commands]
    while len(batcher._waiting) < len(commands):
        await asyncio.wait(tasks, timeout=0)
    batcher._free_lanes = lanes
    batcher._dispatch()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def told(service: CartService, command: Command) -> Any:
    """What a shopper is told, without the moments, and without what others did to the stock meanwhile."""
    try:
        outcome = await service.apply(command)
    except PannierError as refusal:
        return [refusal.error, dict(refusal.details), _timeless(refusal.cart), dict(refusal.headers)]
    return _told_of(outcome)


def _told_of(outcome: Outcome) -> Any:
    return ["OK", _timeless(outcome.answer.results), _timeless(outcome.cart), outcome.is_replay, outcome.token]


def _timeless(value: Any) -> Any:
    plain = msgspec.to_builtins(value)
    if isinstance(plain, dict):
        # Flags and messages speak of the stock at the end of the batch, which is after the neighbours, too.
        gone = _TIMES | {"availability", "messages"}
        return {key: _timeless(item) for key, item in plain.items() if key not in gone}
    return [_timeless(item) for item in plain] if isinstance(plain, list) else plain


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(batches=BATCHES, house=HOUSE_RULES)
async def test_a_batch_is_its_requests_one_by_one(
    twins: Twins, clock: ManualClock, batches: list[tuple[int, list[Request]]], house: dict[str, Any]
) -> None:
    for database in (twins.batched, twins.single):
        await start_over(database)
    shop = twins.settings.model_copy(update=house)
    sizes: list[int] = []
    batched, single = CartService(twins.batched, shop, on_batch=sizes.append), CartService(twins.single, shop)
    shoppers = Shoppers(twins.products)
    for minutes, batch in batches:
        clock.advance(timedelta(minutes=minutes))
        commands = [shoppers.command(request) for request in batch]
        together = await in_one_batch(batched, commands)
        one_by_one = [await told(single, command) for command in commands]
        note(f"{[answer[0] for answer in together]}")
        assert together == one_by_one
        for request in batch:
            shoppers.versions[request.shopper] = (await single.get(shoppers.owner(request.shopper))).version
    assert sizes == [len(batch) for _, batch in batches]
    assert await state(twins.batched) == await state(twins.single)
    assert await faults(twins.batched) == {}


async def test_a_member_that_breaks_the_statement_harms_no_neighbour(twins: Twins) -> None:
    sizes: list[int] = []
    batched, single = (
        CartService(twins.batched, twins.settings, on_batch=sizes.append),
        CartService(twins.single, twins.settings),
    )
    shoppers = Shoppers(twins.products)
    commands = [shoppers.command(Request(n, (Wish("add"), Wish("add", "uncounted", 2)), key="k")) for n in range(4)]
    # No route lets NUL through; if one did, PostgreSQL would refuse the whole statement.
    broken = replace(commands[1], changes=[add(twins.products["plenty"], 1, note="a\0b")])
    answers = await in_one_batch(batched, [commands[0], commands[2], commands[3]])
    assert [answer[0] for answer in answers] == ["OK"] * 3
    assert sizes == [3]
    for command in (commands[0], commands[2], commands[3]):
        await told(single, command)
    again = [replace(c, idempotency_key="l", op_id=uuid7()) for c in commands]
    together = [commands[1], again[2], replace(again[3], changes=broken.changes), again[0]]
    told_together = await in_one_batch(batched, together)
    assert isinstance(told_together[2], asyncpg.DataError)
    assert [told_together[n][0] for n in (0, 1, 3)] == ["OK"] * 3
    for command in (commands[1], again[2], again[0]):
        await told(single, command)
    assert await without_order(twins.batched) == await without_order(twins.single)
    assert await faults(twins.batched) == {}


async def without_order(db: Database) -> dict[str, Any]:
    """Members that are run alone run at once, so the ledger's rows come in any order."""
    found = await state(db)
    moved = [
        {key: row[key] for key in ("variant_id", "kind", "quantity", "reference_id")} for row in found["movements"]
    ]
    return {**found, "movements": sorted(moved, key=str)}


async def test_a_replay_between_new_requests_gets_its_own_answer(twins: Twins) -> None:
    service = CartService(twins.batched, twins.settings)
    shoppers = Shoppers(twins.products)
    repeated = shoppers.command(Request(2, (Wish("add"),), key="k"))
    first = await told(service, repeated)
    others = [shoppers.command(Request(n, (Wish("add", quantity=n),))) for n in (1, 3)]
    answers = await in_one_batch(service, [others[0], replace(repeated, op_id=uuid7()), others[1]])
    assert answers[1] == [*first[:3], True, None]
    assert [answer[2]["id"] for answer in answers] == [str(c.new_cart_id) for c in (others[0], repeated, others[1])]
    assert [answer[2]["total_quantity"] for answer in answers] == [1, 1, 3]


async def test_two_requests_for_one_cart_are_never_one_batch(twins: Twins) -> None:
    sizes: list[int] = []
    service = CartService(twins.batched, twins.settings, on_batch=sizes.append)
    shoppers = Shoppers(twins.products)
    commands = [shoppers.command(Request(1, (Wish("add"),))) for _ in range(3)]
    answers = await in_one_batch(service, commands)
    assert [answer[2]["version"] for answer in answers] == [1, 2, 3]
    assert sizes == [1, 1, 1]
