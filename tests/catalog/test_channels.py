"""Sales channels, which prices may be for."""

from __future__ import annotations

from functools import partial

import pytest

from pannier.catalog import PriceListService
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError


async def test_a_channel_is_made_and_named_anew(db: Database) -> None:
    lists = PriceListService(db)
    for name in ("Abroad", " Overseas "):
        await db.write(partial(lists.keep_channel, code="abroad", name=name))

    async with db.read() as connection:
        assert await connection.fetchval("select name from channel where code = 'abroad'") == "Overseas"


@pytest.mark.parametrize("code, name", [("Abroad", "Abroad"), ("-x", "X"), ("", "X"), ("a" * 64, "A"), ("abroad", " ")])
async def test_a_channel_has_a_code_that_an_address_can_hold_and_a_name(db: Database, code: str, name: str) -> None:
    lists = PriceListService(db)

    with pytest.raises(ValidationFailedError):
        await db.write(lambda on: lists.keep_channel(on, code, name))
