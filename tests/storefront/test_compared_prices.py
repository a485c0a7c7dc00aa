"""What a price is compared with: more units of it, and what it was before it was reduced; on the page as in the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from tests.storefront.reader import Reader
from tests.storefront.test_purchase import fill
from tests.support.books import faults
from tests.support.offers import make_price_rule

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}
SHELF = "00000000-0000-7000-8000-000000000001"


async def variants(reader: Reader, slug: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await reader.http.get(f"/api/v1/products/{slug}")).json()["variants"]
    return found


async def ask(reader: Reader, slug: str, *prices: dict[str, Any]) -> None:
    """Put prices of the product's first variant on the shelf's list."""
    variant = (await variants(reader, slug))[0]["id"]
    path = f"/api/v1/admin/price-lists/{SHELF}/prices"
    body = {"prices": [{"variant_id": variant, **price} for price in prices]}
    answer = await reader.http.put(path, json=body, headers=STAFF)
    assert answer.status_code == 200, answer.text


async def cost(reader: Reader, slug: str, price: int, compare_at: int | None) -> None:
    variant = (await variants(reader, slug))[0]["id"]
    body = {"price": price, "compare_at_price": compare_at}
    answer = await reader.http.patch(f"/api/v1/admin/variants/{variant}", json=body, headers=STAFF)
    assert answer.status_code == 200, answer.text


def tiers(variant: dict[str, Any]) -> list[tuple[int, int, int]]:
    return [(each["quantity_min"], each["price"]["amount"], each["saved"]["amount"]) for each in variant["price_tiers"]]


async def test_what_more_units_cost_and_save_is_shown_and_charged(reader: Reader, db: Database) -> None:
    dearer = {"amount": 3_300, "quantity_min": 2}
    await ask(
        reader, "cobalt-bowl", dearer, {"amount": 2_900, "quantity_min": 4}, {"amount": 2_700, "quantity_min": 10}
    )
    page = await reader.open("/p/cobalt-bowl")
    assert "From 4: $29.00 each, save $3.00" in page.text
    assert "From 10: $27.00 each, save $5.00" in page.text
    # One that costs more is nothing to be told of.
    assert "From 2:" not in page.text
    (bowl,) = await variants(reader, "cobalt-bowl")
    assert tiers(bowl) == [(4, 2_900, 300), (10, 2_700, 500)]
    await fill(reader, quantity=4)
    assert "Subtotal $116.00" in (await reader.open("/cart")).text
    assert await faults(db) == {}


async def test_a_price_rule_lowers_every_tier(reader: Reader, db: Database) -> None:
    await ask(reader, "cobalt-bowl", {"amount": 2_800, "quantity_min": 4})
    await make_price_rule(db, percent=25)
    assert "From 4: $21.00 each, save $3.00" in (await reader.open("/p/cobalt-bowl")).text
    (bowl,) = await variants(reader, "cobalt-bowl")
    assert (bowl["price"]["amount"], tiers(bowl)) == (2_400, [(4, 2_100, 300)])
    await fill(reader, quantity=4)
    assert "Subtotal $84.00" in (await reader.open("/cart")).text


async def test_tiers_of_a_variant_stand_with_it(reader: Reader) -> None:
    first, *others = await variants(reader, "oak-stool")
    await ask(reader, "oak-stool", {"amount": first["price"]["amount"] - 1_000, "quantity_min": 3})
    page = await reader.open("/p/oak-stool")
    assert page.text.count("save $10.00") == 1
    changed, *rest = await variants(reader, "oak-stool")
    assert [tiers(each) for each in (changed, *rest)] == [
        [(3, first["price"]["amount"] - 1_000, 1_000)],
        *([] for _ in others),
    ]


async def test_a_reduction_is_told_against_the_lowest_price_of_the_month_before(
    reader: Reader, clock: ManualClock
) -> None:
    for price in (3_500, 5_000):
        clock.advance(timedelta(days=12))
        await cost(reader, "cobalt-bowl", price, None)
    assert (await variants(reader, "cobalt-bowl"))[0]["lowest_price"] is None
    clock.advance(timedelta(days=12))
    await cost(reader, "cobalt-bowl", 3_000, 5_000)
    # 32.00 at first, 35.00 and 50.00 since: each within thirty days of the reduction, or in force when they began.
    assert "Lowest price of the 30 days before: $32.00" in (await reader.open("/p/cobalt-bowl")).text
    (bowl,) = await variants(reader, "cobalt-bowl")
    assert (bowl["on_sale"], bowl["lowest_price"]["amount"]) == (True, 3_200)
    await cost(reader, "cobalt-bowl", 5_000, None)
    clock.advance(timedelta(days=40))
    await cost(reader, "cobalt-bowl", 3_000, 5_000)
    assert (await variants(reader, "cobalt-bowl"))[0]["lowest_price"]["amount"] == 5_000


async def test_a_price_that_only_a_rule_reduces_is_told_against_the_list(reader: Reader, db: Database) -> None:
    await make_price_rule(db, percent=25)
    (bowl,) = await variants(reader, "cobalt-bowl")
    assert (bowl["price"]["amount"], bowl["lowest_price"]["amount"]) == (2_400, 3_200)
