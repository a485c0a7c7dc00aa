"""Tax ids of customers: format and check digits, a register that may be down, and what staff say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.tax.tax_ids import check_format
from tests.support.accounts import AccountShop, account_shop
from tests.support.outsider import Outsider, outsider

JANE = "jane@example.com"
GOOD = "DE 136 695 976"
UNKNOWN = (True, "format", None, "the register gave no answer")


@pytest.fixture(scope="module")
def vies() -> Iterator[Outsider]:
    with outsider() as service:
        yield service


@pytest_asyncio.fixture
async def shop(db: Database, settings: Settings, clock: ManualClock) -> AsyncIterator[AccountShop]:
    async with account_shop(db, settings, clock) as found:
        await found.account(JANE)
        yield found


@pytest.mark.parametrize(
    "number, country, expected",
    [
        (GOOD, None, ("DE136695976", "DE", None)),
        ("136695976", "DE", ("DE136695976", "DE", None)),
        ("DE136695978", None, ("DE136695978", "DE", "its check digits are wrong")),
        ("DE13669597", None, ("DE13669597", "DE", "it is too long or too short")),
        ("EL094259216", None, ("EL094259216", "GR", None)),
        ("094259216", "GR", ("EL094259216", "GR", None)),
        ("ATU13585627", None, ("ATU13585627", "AT", None)),
        ("GB980780684", None, ("GB980780684", "GB", None)),
        ("CHE-107.787.577 IVA", None, ("CHE107787577IVA", "CH", None)),
        ("ZZ123456", None, ("ZZ123456", "ZZ", "it begins with no country's letters")),
        ("US123456", None, ("US123456", "US", "no form of tax ids is known of US")),
    ],
)
def test_format_and_check_digits(number: str, country: str | None, expected: tuple[str, str, str | None]) -> None:
    found = check_format(number, country)
    assert (found.number, found.country, found.reason) == expected
    assert found.is_valid is (expected[2] is None)


async def test_a_customer_says_a_tax_id_and_takes_it_back(shop: AccountShop, db: Database) -> None:
    headers = await shop.bearer(JANE)
    async with shop.client(**headers) as client:
        assert (await client.get("me/tax-id")).json()["tax_id"] is None
        said = await client.put("me/tax-id", json={"tax_id": GOOD}, headers={"Idempotency-Key": "one"})
        again = await client.put("me/tax-id", json={"tax_id": GOOD}, headers={"Idempotency-Key": "one"})
        assert (said.status_code, again.content) == (200, said.content)
        known = (await client.get("me/tax-id")).json()
        wrong = await client.put("me/tax-id", json={"tax_id": "DE136695978"})
        assert (wrong.status_code, wrong.json()["error"], wrong.json()["field"]) == (422, "TAX_ID_INVALID", "tax_id")
        assert (await client.get("me/tax-id")).json() == known
        exported = (await client.get("me/export")).json()
    assert (known["tax_id"], known["is_valid"], known["checked_by"]) == ("DE136695976", True, "format")
    assert known["checked_at"] is not None
    assert exported["tax_ids"][0]["tax_id"] == "DE136695976"
    async with db.read() as connection:
        row = await connection.fetchrow("select tax_id, is_tax_id_valid, kind from customer_profile")
        assert await connection.fetchval("select count(*) from tax_id_check") == 1
    assert row is not None
    assert tuple(row) == ("DE136695976", True, "business")
    async with shop.client(**headers) as client:
        assert (await client.delete("me/tax-id")).json()["tax_id"] is None
        assert (await client.get("me/tax-id")).json()["tax_id"] is None
    async with shop.client() as client:
        assert (await client.put("me/tax-id", json={"tax_id": GOOD})).status_code == 401


@pytest.mark.parametrize(
    "answer, expected",
    [
        ({"json": {"valid": True, "name": "Our GmbH"}}, (True, "vies", "Our GmbH", None)),
        ({"json": {"valid": False, "name": "---"}}, (False, "vies", None, "the register does not have it")),
        ({"json": {"actionSucceed": False, "errorWrappers": []}}, UNKNOWN),
        ({"status": 500}, UNKNOWN),
    ],
    ids=str,
)
async def test_the_register_decides_where_it_answers(
    db: Database,
    settings: Settings,
    clock: ManualClock,
    vies: Outsider,
    answer: dict[str, Any],
    expected: tuple[Any, ...],
) -> None:
    vies.plan(answer)
    async with account_shop(db, settings, clock, vies_url=vies.url, provider_attempts_max=1) as shop:
        await shop.account(JANE)
        async with shop.client(**await shop.bearer(JANE)) as client:
            said = (await client.put("me/tax-id", json={"tax_id": GOOD})).json()
    assert (said["is_valid"], said["checked_by"], said["name"]) == expected[:3]
    assert (said["reason"] or "").startswith(expected[3] or "")
    assert vies.requests()[0]["body"] == {"countryCode": "DE", "vatNumber": "136695976"}
    async with db.read() as connection:
        assert await connection.fetchval("select is_tax_id_valid from customer_profile") is expected[0]


async def test_staff_say_otherwise(shop: AccountShop, db: Database) -> None:
    async with shop.client(Authorization="Bearer a-token-for-tests-only") as client:
        said = await client.put(
            "admin/customers/user-7/tax-id",
            json={"tax_id": "US123456", "is_valid": True, "reason": "seen on paper"},
        )
        assert said.status_code == 200, said.text
        assert (said.json()["checked_by"], said.json()["reason"]) == ("staff", "seen on paper")
        assert (await client.get("admin/customers/user-7/tax-id")).json() == said.json()
        assert (await client.put("admin/customers/user-7/tax-id", json={"tax_id": "US123456"})).status_code == 422
        await client.put("admin/customers/user-7/tax-id", json={"tax_id": GOOD, "is_valid": False})
        assert (await client.get("admin/customers/user-7/tax-id")).json()["is_valid"] is False
