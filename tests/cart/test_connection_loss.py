"""The connection goes: before a change, in the middle of it, at its end. With a key it is carried out once, always."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from pannier.cart import Cart, CartOwner, CartService, Command, add
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.waiting import wait_until_async

ME = "the cart of this test"


@pytest_asyncio.fixture
async def mine(settings: Settings, clock: ManualClock) -> AsyncIterator[Database]:
    """The pool that is going to suffer; `db` is the test's own."""
    assert settings.database_url is not None
    mark = "&" if "?" in settings.database_url else "?"
    url = f"{settings.database_url}{mark}application_name={ME.replace(' ', '%20')}"
    database = await Database.connect(url, settings.model_copy(update={"database_pool_size": 3}), clock)
    yield database
    await database.close()


@pytest.fixture
def carts(mine: Database, settings: Settings) -> CartService:
    return CartService(mine, settings)


class Killer:
    """Ends the connections of the pool under test, and holds locks that they wait for."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        self.connection = connection

    async def kill(self, which: str = "true") -> int:
        await self.connection.execute("select pg_stat_clear_snapshot()")
        found: int = await self.connection.fetchval(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
            f" where application_name = $1 and {which}",
            ME,
        )
        return found

    async def until_waiting(self, count: int = 1) -> None:
        """Return when so many statements of the pool wait for a lock."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 10
        waiting = 0
        while waiting < count:
            assert loop.time() < deadline, "nobody waits for the lock"
            # Within a transaction the picture would stay as it was first seen.
            await self.connection.execute("select pg_stat_clear_snapshot()")
            waiting = await self.connection.fetchval(
                "select count(*) from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", ME
            )


@pytest_asyncio.fixture
async def killer(db: Database) -> AsyncIterator[Killer]:
    async with db.read() as connection:
        yield Killer(connection)


def _command(variant: UUID, key: str | None, owner: CartOwner | None = None) -> Command:
    digest = hashlib.sha256((key or "").encode()).digest()
    return Command(
        owner or CartOwner(token=new_cart_token()),
        "cart.item_added",
        [add(variant, 1)],
        idempotency_key=key,
        request_hash=digest,
    )


async def _cart(carts: CartService, command: Command) -> Cart:
    return await carts.get(command.owner)


@pytest.mark.parametrize("key", ["k", None])
async def test_connections_that_went_while_idle_are_replaced(
    carts: CartService, db: Database, killer: Killer, key: str | None
) -> None:
    variant = await make_product(db)
    first = _command(variant, "first")
    await carts.apply(first)
    assert await killer.kill() > 0
    # The pool hears of it with the next turn of the loop at the latest; a change that comes first may be refused.
    outcomes: list[str] = []
    command = _command(variant, key)
    for _ in range(3):
        try:
            await carts.apply(command)
        except DatabaseUnavailableError:
            outcomes.append("refused")
        else:
            outcomes.append("OK")
            break
    assert outcomes[-1] == "OK"
    assert (await _cart(carts, command)).total_quantity == 1
    assert (await figures(db, variant)).held == 2
    assert await faults(db) == {}


@pytest.mark.parametrize("key", ["k", None])
async def test_killed_while_it_waits(carts: CartService, db: Database, killer: Killer, key: str | None) -> None:
    variant = await make_product(db)
    command = _command(variant, key)
    async with killer.connection.transaction():
        await killer.connection.execute("select 1 from stock where variant_id = $1 for update", variant)
        task = asyncio.create_task(carts.apply(command))
        await killer.until_waiting()
        assert await killer.kill("state = 'active'") == 1
    if key is None:
        with pytest.raises(DatabaseUnavailableError) as refused:
            await task
        assert refused.value.headers["Retry-After"] == "2"
        assert (await _cart(carts, command)).id is None
        assert (await figures(db, variant)).held == 0
    else:
        # It asks again by itself, and nobody has to know.
        outcome = await task
        assert (outcome.cart.version, outcome.cart.total_quantity, outcome.is_replay) == (1, 1, False)
        assert (await figures(db, variant)).held == 1
    assert await faults(db) == {}


async def test_lost_after_the_commit_is_found_out_by_the_key(carts: CartService, db: Database, killer: Killer) -> None:
    """The answer never arrives, though the change is stored: the record tells, and nothing is done twice."""
    variant = await make_product(db)
    command = _command(variant, "k")
    apply, lost = carts._apply, 0

    async def lose_the_answer(commands: Sequence[Command]) -> object:
        nonlocal lost
        answers = await apply(commands)
        if not lost:
            lost += 1
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return answers

    carts._apply = lose_the_answer  # type: ignore[method-assign,assignment]  # the wire, cut at one exact place
    outcome = await carts.apply(command)
    assert (outcome.is_replay, outcome.cart.version) == (True, 1)
    assert (await figures(db, variant)).held == 1
    # Without a key nobody can know, and nobody guesses.
    lost = 0
    keyless = _command(variant, None)
    with pytest.raises(DatabaseUnavailableError):
        await carts.apply(keyless)
    assert (await _cart(carts, keyless)).total_quantity == 1
    assert (await figures(db, variant)).held == 2
    assert await faults(db) == {}


async def test_a_whole_batch_is_killed(carts: CartService, db: Database, killer: Killer) -> None:
    variant = await make_product(db)
    commands = [_command(variant, f"k{n}" if n % 2 else None) for n in range(8)]
    async with killer.connection.transaction():
        await killer.connection.execute("select 1 from stock where variant_id = $1 for update", variant)
        # Two lanes: the first came alone, the second has everybody else.
        tasks = [asyncio.create_task(carts.apply(commands[0]))]
        await killer.until_waiting(1)
        tasks += [asyncio.create_task(carts.apply(command)) for command in commands[1:]]
        await killer.until_waiting(2)
        assert await killer.kill("state = 'active'") == 2
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    told = ["refused" if isinstance(answer, DatabaseUnavailableError) else "OK" for answer in answers]
    assert told == ["OK" if n % 2 else "refused" for n in range(8)]
    assert [(await _cart(carts, command)).total_quantity for command in commands] == [n % 2 for n in range(8)]
    assert (await figures(db, variant)).held == 4
    assert await faults(db) == {}


async def test_who_waits_behind_a_killed_batch_is_served(carts: CartService, db: Database, killer: Killer) -> None:
    variant, other = await make_product(db), await make_product(db)
    async with killer.connection.transaction():
        await killer.connection.execute("select 1 from stock where variant_id = $1 for update", variant)
        stuck = [asyncio.create_task(carts.apply(_command(variant, None)))]
        await killer.until_waiting(1)
        stuck += [asyncio.create_task(carts.apply(_command(variant, None))) for _ in range(2)]
        await killer.until_waiting(2)
        behind = asyncio.create_task(carts.apply(_command(other, None)))
        await wait_until_async(lambda: carts._writes._waiting)
        await killer.kill("state = 'active'")
        assert (await behind).cart.total_quantity == 1
    answers = await asyncio.gather(*stuck, return_exceptions=True)
    assert all(isinstance(answer, DatabaseUnavailableError) for answer in answers)
    assert ((await figures(db, variant)).held, (await figures(db, other)).held) == (0, 1)


async def test_reads_go_on(carts: CartService, db: Database, killer: Killer) -> None:
    variant = await make_product(db)
    command = _command(variant, "k")
    await carts.apply(command)
    await killer.kill()
    assert (await _cart(carts, command)).total_quantity == 1


async def test_who_waits_too_long_for_a_lock_is_told_to_try_again(
    db: Database, settings: Settings, clock: ManualClock, killer: Killer
) -> None:
    assert settings.database_url is not None
    impatient = settings.model_copy(update={"database_lock_timeout_s": 0.2})
    database = await Database.connect(settings.database_url, impatient, clock)
    carts = CartService(database, impatient)
    variant, other = await make_product(db), await make_product(db)
    async with killer.connection.transaction():
        await killer.connection.execute("select 1 from stock where variant_id = $1 for update", variant)
        commands = [_command(variant, None), _command(variant, "k"), _command(other, None)]
        answers = await asyncio.gather(*(carts.apply(c) for c in commands), return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["DatabaseUnavailableError"] * 2 + ["Outcome"]
    assert (await carts.apply(commands[1])).is_replay is False
    assert ((await figures(db, variant)).held, (await figures(db, other)).held) == (1, 1)
    await database.close()
