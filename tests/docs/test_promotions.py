"""The examples of the how-to on promotions, done on a real shop."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pannier.app import create_app
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.architecture.source_tree import REPOSITORY
from tests.docs.pages import blocks
from tests.docs.test_walkthroughs import json_values
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.web import served

PAGE = REPOSITORY / "docs" / "howto" / "promotions.md"


async def test_the_three_examples_come_out(db: Database, settings: Settings, tmp_path: Path) -> None:
    await make_product(db, on_hand=100)
    script = "\n".join(block.text for block in blocks(PAGE) if block.mark == "run")
    assert settings.admin_token is not None
    with served(create_app(settings)) as address:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", address)),
            cwd=tmp_path,
            env={**os.environ, "PANNIER_ADMIN_TOKEN": settings.admin_token.get_secret_value()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
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
