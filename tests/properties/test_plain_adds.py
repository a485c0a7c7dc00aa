"""Plain adds are carried out many at once: what comes of them is what their steps would have done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pannier.cart import CartService
from pannier.kernel.clock import ManualClock
from tests.properties.test_batch import (
    PRODUCTS,
    SHOPPERS,
    Request,
    Shoppers,
    Twins,
    Wish,
    in_one_batch,
    reprice,
    told,
    twins,  # noqa: F401 # a fixture
    without_order,
)
from tests.support.books import faults
from tests.support.twins import differences, start_over

# Most want the same few things, one of each; now and then somebody wants what is not plain.
_WISH = st.builds(
    Wish,
    op=st.just("add"),
    product=st.sampled_from([*PRODUCTS, "plenty", "scarce", "scarce", "few_each", "backordered", "safe"]),
    quantity=st.sampled_from([1, 1, 1, 2, 3, 101]),
    attributes=st.sampled_from([None] * 9 + ["red"]),
)
_REQUESTS = st.builds(
    Request,
    shopper=st.integers(0, SHOPPERS - 1),
    wishes=st.tuples(_WISH),
    if_match=st.sampled_from(["none"] * 9 + ["wrong"]),
    key=st.sampled_from([None, None, "a", "b"]),
)
_BATCHES = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 0, 8, 16]),
        st.lists(_REQUESTS, min_size=2, max_size=SHOPPERS, unique_by=lambda request: request.shopper),
    ),
    min_size=1,
    max_size=5,
)
_HOUSE = st.fixed_dictionaries(
    {
        "short_stock": st.sampled_from(["refuse", "partial"]),
        "over_limit": st.sampled_from(["refuse", "clamp", "clamp_added"]),
        "cart_max_lines": st.sampled_from([0, 2]),
        "cart_max_items": st.sampled_from([0, 4]),
        "cart_max_quantity_per_item": st.sampled_from([0, 3]),
    }
)


@pytest.mark.timeout(300)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(batches=_BATCHES, house=_HOUSE)
async def test_many_at_once_are_what_they_are_step_by_step(
    twins: Twins,  # noqa: F811 # the fixture
    clock: ManualClock,
    batches: list[tuple[int, list[Request]]],
    house: dict[str, Any],
) -> None:
    for database in (twins.batched, twins.single):
        await start_over(database)
    shop = twins.settings.model_copy(update=house)
    batched, single = CartService(twins.batched, shop), CartService(twins.single, shop)
    shoppers = Shoppers(twins.products)
    for n in range(SHOPPERS):
        # Everybody has a cart that is promised something, or all would go step by step.
        command = shoppers.command(Request(n, (Wish("add", "plenty", 1),)))
        assert await told(batched, command) == await told(single, command)
    for minutes, batch in batches:
        clock.advance(timedelta(minutes=minutes))
        for request in batch:
            shoppers.versions[request.shopper] = (await single.get(shoppers.owner(request.shopper))).version
        commands = [shoppers.command(request) for request in batch]
        together = await in_one_batch(batched, commands)
        assert together == [await told(single, command) for command in commands]
    # What runs out at one moment is let go of in any order.
    assert differences(await without_order(twins.batched), await without_order(twins.single)) == []
    assert await faults(twins.batched) == {}


@pytest.mark.parametrize("product", ["tiered", "withdrawn"])
async def test_more_of_what_has_no_plain_price_is_added_at_its_lines_price(
    twins: Twins,  # noqa: F811 # the fixture
    product: str,
) -> None:
    batched, single = CartService(twins.batched, twins.settings), CartService(twins.single, twins.settings)
    shoppers = Shoppers(twins.products)
    for wish in (Request(0, (Wish("add", product),)), Request(1, (Wish("add", "plenty"),))):
        command = shoppers.command(wish)
        assert await told(batched, command) == await told(single, command)
    if product == "withdrawn":
        for database in (twins.batched, twins.single):
            await reprice(database, twins.products[product], "delete from price where variant_id = $1")
    new = "OK" if product == "tiered" else "PRODUCT_UNAVAILABLE"
    for others, expected in (("plenty", "OK"), (product, new)):
        commands = [
            shoppers.command(Request(n, (Wish("add", wanted, 2),))) for n, wanted in enumerate([product, others])
        ]
        together = await in_one_batch(batched, commands)
        assert together == [await told(single, command) for command in commands]
        assert [answer[0] for answer in together] == ["OK", expected]
    assert differences(await without_order(twins.batched), await without_order(twins.single)) == []


async def test_plain_adds_take_no_steps_and_what_is_short_does(twins: Twins, clock: ManualClock) -> None:  # noqa: F811 # the fixture
    service, shoppers = CartService(twins.batched, twins.settings), Shoppers(twins.products)

    async def add(*wishes: tuple[int, str]) -> list[str]:
        commands = [shoppers.command(Request(n, (Wish("add", product),))) for n, product in wishes]
        return [
            answer[0] if isinstance(answer, list) else str(answer) for answer in await in_one_batch(service, commands)
        ]

    await add(*[(n, "plenty") for n in range(SHOPPERS)])
    async with twins.batched.read() as connection:
        await connection.execute(
            "create or replace function cart_change(p_cart cart, p_change jsonb, p_policy cart_policy,"
            " p_until timestamptz, p_cause movement_cause) returns cart_change_result language plpgsql"
            " as $$ begin raise exception 'a step'; end $$"
        )
    assert await add((0, "plenty"), (1, "scarce"), (2, "scarce"), (3, "scarce")) == ["OK"] * 4
    # There is none left: who asks for more is told by the steps, and only those that ask for it.
    assert await add((0, "plenty"), (1, "scarce")) == ["OK", "a step"]
    # Nor is anything promised to a cart whose time is up.
    clock.advance(timedelta(seconds=twins.settings.hold_ttl_s + 1))
    assert await add((0, "plenty"), (1, "plenty")) == ["a step", "a step"]
    assert await faults(twins.batched) == {}
