"""The examples of the how-to on promotions, done on a real shop."""

from __future__ import annotations

from pathlib import Path

from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.architecture.source_tree import REPOSITORY
from tests.docs.doing import done
from tests.docs.test_walkthroughs import json_values
from tests.support.books import faults
from tests.support.catalogue import make_product

PAGE = REPOSITORY / "docs" / "howto" / "promotions.md"


async def test_the_three_examples_come_out(db: Database, settings: Settings, tmp_path: Path) -> None:
    await make_product(db, on_hand=100)
    said = await done(PAGE, settings, tmp_path)
    subtotal, *examples = [found for found in json_values(said) if "example" in found or "amount" in found]
    ten_percent = subtotal["amount"] // 10
    assert ten_percent > 0
    assert examples == [
        {"example": 1, "discount": ten_percent},
        # The code's promotion comes first by its priority, and ten percent are of what is left.
        {"example": 2, "discount": 500 + (subtotal["amount"] - 500) // 10},
        {"example": 3, "codes": 5000},
    ]
    assert await faults(db) == {}
