"""One cart, many devices and retries at once, over two server processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.door import PATIENT, closed_door, with_door
from tests.support.shoppers import ServerProcess, crowd, outcomes, server_processes, together

DEVICES = 20


@pytest.fixture
def servers(database_url: str, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    with server_processes(tmp_path, database_url, batch_size_max=4, batch_lanes=4, database_pool_size=8) as started:
        yield started


async def test_devices_that_add_at_once_lose_nothing(db: Database, servers: list[ServerProcess]) -> None:
    variants = [await make_product(db) for _ in range(4)]
    async with crowd(DEVICES, servers, token=new_cart_token()) as devices:
        answers = await together(device.add(variants[n % 4]) for n, device in enumerate(devices))
        cart = await devices[0].cart()
    assert outcomes(answers) == {"OK": DEVICES}
    assert cart["version"] == DEVICES
    assert {item["variant_id"]: item["quantity"] for item in cart["items"]} == {str(v): 5 for v in variants}
    # Each answer is the cart right after its own change, so no two have the same version.
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, DEVICES + 1))
    assert all(answer.json()["total_quantity"] == answer.json()["version"] for answer in answers)
    assert await faults(db) == {}


async def test_a_version_is_changed_by_one_of_those_who_name_it(db: Database, servers: list[ServerProcess]) -> None:
    variant = await make_product(db)
    async with crowd(DEVICES, servers, token=new_cart_token()) as devices:
        await devices[0].add(variant)
        body = {"variant_id": str(variant)}
        answers = await together(device.send("POST", "/cart/items", body, if_match=1) for device in devices)
        cart = await devices[0].cart()
    assert outcomes(answers) == {"OK": 1, "CART_VERSION_MISMATCH": DEVICES - 1}
    assert (cart["version"], cart["total_quantity"]) == (2, 2)


async def test_one_key_is_carried_out_once(db: Database, servers: list[ServerProcess]) -> None:
    variant = await make_product(db)
    async with crowd(DEVICES, servers, token=new_cart_token()) as devices:
        answers = await together(device.add(variant, key="the-same") for device in devices)
        later = await devices[0].add(variant, key="the-same")
        cart = await devices[0].cart()
    told = outcomes(answers)
    assert told["OK"] + told["IDEMPOTENCY_IN_FLIGHT"] == DEVICES
    accepted = [answer for answer in answers if answer.status_code == 200]
    assert sum("idempotent-replayed" not in answer.headers for answer in accepted) == 1
    assert {answer.text for answer in [*accepted, later]} == {later.text}
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert (cart["version"], cart["total_quantity"]) == (1, 1)
    assert (await figures(db, variant)).held == 1
    assert await faults(db) == {}


async def test_without_a_key_retries_are_carried_out_each(db: Database, servers: list[ServerProcess]) -> None:
    """The control: it is the key that makes one of many."""
    variant = await make_product(db)
    async with crowd(DEVICES, servers, token=new_cart_token()) as devices:
        answers = await together(device.add(variant) for device in devices)
        cart = await devices[0].cart()
    assert outcomes(answers) == {"OK": DEVICES}
    assert cart["total_quantity"] == DEVICES


async def test_a_first_write_sent_twice_makes_one_cart(db: Database, servers: list[ServerProcess]) -> None:
    variant = await make_product(db, on_hand=1000)
    tokens = [new_cart_token() for _ in range(30)]
    async with crowd(2 * len(tokens), servers) as shoppers:
        for n, shopper in enumerate(shoppers):
            shopper.token = tokens[n // 2]
        answers = await together(shopper.add(variant) for shopper in shoppers)
        carts = [await shopper.cart() for shopper in shoppers[::2]]
    assert outcomes(answers) == {"OK": 2 * len(tokens)}
    assert [cart["total_quantity"] for cart in carts] == [2] * len(tokens)
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from cart") == len(tokens)
        assert await connection.fetchval("select count(*) from reservation") == len(tokens)
    assert await faults(db) == {}


async def test_without_the_unique_index_a_shopper_gets_two_carts(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    """The control: that there is one cart is the index's doing. Two have found none before either makes one."""
    variant = await make_product(db, on_hand=1000)
    async with db.read() as connection:
        await connection.execute("drop index cart_one_open_per_guest")
    await with_door(db, "cart_make")
    with server_processes(tmp_path, database_url, **PATIENT) as servers:
        async with crowd(4, servers, token=new_cart_token()) as devices:
            async with closed_door(database_url) as door:
                adding = asyncio.create_task(together(device.add(variant) for device in devices))
                await door.crowded(2)
            await adding
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from cart") > 1
