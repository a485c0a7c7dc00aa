"""`pannier promotions` and `pannier coupon` on a real database."""

from __future__ import annotations

import asyncio
import json
import uuid

import asyncpg

from pannier.kernel.ids import uuid7
from tests.support.command import pannier


async def _insert(url: str, promotion_id: uuid.UUID) -> None:
    connection = await asyncpg.connect(url)
    definition = json.dumps({"actions": [{"type": "order_percent", "percent": 12.5}]})
    await connection.execute(
        "insert into promotion (id, name, definition, needs_code, use_limit, created_at, updated_at)"
        " values ($1, 'Spring', $2, true, 5, now(), now())",
        promotion_id,
        definition,
    )
    await connection.close()


def test_promotions_are_listed_shown_switched_and_get_codes(database_url: str) -> None:
    promotion = uuid7()
    empty = pannier("promotions", "list", database_url=database_url)
    asyncio.run(_insert(database_url, promotion))

    on = pannier("promotions", "enable", promotion, database_url=database_url)
    listed = pannier("promotions", "list", database_url=database_url)
    shown = pannier("promotions", "show", promotion, "--json", database_url=database_url)
    codes = pannier("coupon", "generate", promotion, "--count", 20, "--prefix", "MAY-", database_url=database_url)
    off = pannier("promotions", "disable", promotion, "--json", database_url=database_url)
    short = pannier("coupon", "generate", promotion, "--count", 100000, "--length", 4, database_url=database_url)

    assert empty.stdout == "There is no promotion yet.\n"
    assert on.stdout == "Spring is on.\n"
    assert listed.stdout.splitlines()[1].split() == ["Spring", "yes", "yes", "0", "5", str(promotion)]
    assert shown.json["definition"] == {"actions": [{"type": "order_percent", "percent": 12.5}]}
    lines = codes.stdout.splitlines()
    assert len(set(lines)) == len(lines) == 20
    assert all(line.startswith("MAY-") and len(line) == 14 for line in lines)
    assert (off.json["is_active"], off.json["version"]) == (False, 3)
    assert (short.code, short.stdout) == (1, "")
    assert "take 6 or more" in short.stderr
