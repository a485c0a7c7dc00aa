"""Requests that may be sent again."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform import idempotency
from pannier.platform.database import Connection, Database, DatabaseUnavailableError
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    key_of,
    once,
)
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.problems import ValidationFailedError

KEY = Key(b"o" * 32, "k-1", b"h" * 32)


class Counter:
    """A command that makes a row of `location` each time it is carried out."""

    def __init__(self, refusal: PannierError | None = None) -> None:
        self.calls = 0
        self.refusal = refusal

    async def __call__(self, connection: Connection) -> Answer:
        self.calls += 1
        await connection.execute(
            "insert into location (id, code, name) values (gen_random_uuid(), gen_random_uuid()::text, 'x')"
        )
        if self.refusal is not None:
            raise self.refusal
        return Answer(b'{"call":%d}' % self.calls, 201)


async def rows(db: Database, table: str) -> int:
    async with db.read() as connection:
        return int(await connection.fetchval(f"select count(*) from {table}"))


async def test_a_command_with_a_key_is_carried_out_once(db: Database) -> None:
    command = Counter()
    first = await once(db, KEY, command)
    again = await once(db, KEY, command)
    assert (first.status, first.body, first.is_replay) == (201, b'{"call":1}', False)
    assert (again.status, again.body, again.is_replay) == (201, b'{"call":1}', True)
    assert (command.calls, await rows(db, "location")) == (1, 2)


async def test_without_a_key_it_is_carried_out_each_time(db: Database) -> None:
    command = Counter()
    await once(db, None, command)
    await once(db, None, command)
    assert (command.calls, await rows(db, "idempotency_record")) == (2, 0)


async def test_the_same_key_with_another_request_is_a_conflict(db: Database) -> None:
    await once(db, KEY, Counter())
    with pytest.raises(IdempotencyConflictError):
        await once(db, Key(KEY.owner, KEY.key, b"x" * 32), Counter())
    other_owner = await once(db, Key(b"p" * 32, KEY.key, KEY.request_hash), Counter())
    assert not other_owner.is_replay


async def test_a_refusal_is_recorded_and_takes_back_what_went_before_it(db: Database) -> None:
    command = Counter(LoginRequiredError("Sign in.", field="who", details={"n": 1}, headers={"X-A": "b"}))
    for replayed in (None, "true"):
        with pytest.raises(LoginRequiredError) as refused:
            await once(db, KEY, command)
        assert (refused.value.message, refused.value.field, refused.value.details) == ("Sign in.", "who", {"n": 1})
        assert refused.value.headers.get("Idempotent-Replayed") == replayed
        assert refused.value.headers["X-A"] == "b"
    assert (command.calls, await rows(db, "location")) == (1, 1)


async def test_a_failure_of_the_server_is_not_recorded(db: Database) -> None:
    class BrokenError(PannierError):
        kind = ErrorKind.internal

    with pytest.raises(BrokenError):
        await once(db, KEY, Counter(BrokenError("oh")))
    assert (await once(db, KEY, Counter())).status == 201
    assert await rows(db, "location") == 2


async def test_a_request_under_way_is_not_waited_for(db: Database) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(_: Connection) -> Answer:
        begun.set()
        await finish.wait()
        return Answer(b"{}")

    first = asyncio.create_task(once(db, KEY, slow))
    await begun.wait()
    with pytest.raises(IdempotencyInFlightError) as refused:
        await once(db, KEY, Counter())
    assert refused.value.headers == {"Retry-After": "1"}
    finish.set()
    assert (await first).status == 200
    assert (await once(db, KEY, slow)).is_replay


async def test_an_answer_lost_with_its_connection_is_read_from_the_record(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = db.write
    lost: list[Any] = []

    async def lossy(command: Any, patience_s: float | None = None) -> Any:
        outcome = await write(command)
        if not lost:
            lost.append(outcome)
            raise DatabaseUnavailableError("gone")
        return outcome

    monkeypatch.setattr(db, "write", lossy)
    command = Counter()
    answer = await once(db, KEY, command)
    assert (answer.body, answer.is_replay, command.calls) == (b'{"call":1}', False, 1)


async def test_without_a_key_a_lost_outcome_stays_unknown(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_: Any, patience_s: float | None = None) -> Any:
        raise DatabaseUnavailableError("gone")

    monkeypatch.setattr(db, "write", gone)
    with pytest.raises(DatabaseUnavailableError):
        await once(db, None, Counter())


async def test_a_database_that_stays_away_is_told(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    async def gone(_: Any, patience_s: float | None = None) -> Any:
        attempts.append(1)
        raise DatabaseUnavailableError("gone")

    monkeypatch.setattr(db, "write", gone)
    monkeypatch.setattr(idempotency, "_SETTLE_ATTEMPTS", 2)
    with pytest.raises(DatabaseUnavailableError):
        await once(db, KEY, Counter())
    assert len(attempts) == 3


@pytest.mark.parametrize("text", ["", "a b", "k" * 256, "ключ"])
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailedError):
        key_of(Principal(), text, method="POST", target="/")


def test_a_key_is_bound_to_owner_and_request() -> None:
    token = Principal("guest", frozenset(), None, "ct_" + "a" * 43, "bearer")
    user = Principal("customer", frozenset(), "u-1")
    owners = {idempotency.owner_digest(who) for who in (token, user, Principal(), Principal("admin"))}
    assert len(owners) == 4
    made = key_of(user, "k", method="POST", target="/a", body=b"1")
    for changed in ({"method": "PUT"}, {"target": "/b"}, {"body": b"2"}):
        asked: dict[str, Any] = {"method": "POST", "target": "/a", "body": b"1", **changed}
        other = key_of(user, "k", **asked)
        assert made is not None
        assert other is not None
        assert made.request_hash != other.request_hash


async def test_the_key_is_free_again_after_a_rollback(db: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await once(db, KEY, _divide_by_zero)
    assert (await once(db, KEY, Counter())).status == 201


async def _divide_by_zero(connection: Connection) -> Answer:
    await connection.execute("select 1 / 0")
    return Answer(b"{}")
