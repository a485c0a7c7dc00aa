"""What README and tutorial show is done, line by line, on a real shop; what the how-tos show of Python runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from pannier.platform.settings import Settings
from tests.architecture.source_tree import REPOSITORY
from tests.docs.pages import blocks
from tests.support.command import environment, start_pannier
from tests.support.embedded import open_directory


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[str, Path]]:
    """The address of a shop with the demo catalogue, and its directory."""
    with open_directory() as directory:
        process = start_pannier("serve", "--demo", "--port", "0", cwd=directory, data_dir=directory / "pannier-data")
        assert process.stdout is not None
        address = next(line.split()[1] for line in process.stdout if "Address" in line)
        yield address, directory
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-sale.md"])
def test_the_purchase_is_one(shop: tuple[str, Path], page: str, tmp_path: Path) -> None:
    address, directory = shop
    script = "\n".join(block.text for block in blocks(REPOSITORY / page) if block.mark == "run")
    script = script.replace("http://127.0.0.1:8000", address)
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment(data_dir=directory / "pannier-data")
        | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    order = next(value for value in json_values(run.stdout) if "number" in value)
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", order["number"])
    assert order["status"] == "pending"
    assert order["total"]["amount"] > 0
    assert "null" not in [line.strip() for line in run.stdout.splitlines()]


def json_values(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand on lines of their own."""
    for found in re.finditer(r"(?ms)^\{$.*?^\}$", text):
        yield json.loads(found.group())


def python_blocks(page: str) -> list[str]:
    return [block.text for block in blocks(REPOSITORY / "docs" / "howto" / page) if block.mark == "python"]


async def test_the_embedding_of_the_howto_serves_a_shop(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_DATABASE_URL", database_url)
    names: dict[str, Any] = {}
    exec(compile(python_blocks("embed-in-fastapi.md")[0], "howto", "exec"), names)  # it is our own text

    async with (
        names["app"].router.lifespan_context(names["app"]),
        AsyncClient(transport=ASGITransport(names["app"]), base_url="http://shop.test") as client,
    ):
        home = (await client.get("/")).json()
        cart = (await client.get(home["cart"])).json()

    assert cart["currency"] == "EUR"
    assert cart["items"] == []


async def test_the_services_of_the_howto_can_be_called(settings: Settings) -> None:
    names: dict[str, Any] = {}
    exec(compile(python_blocks("embed-in-fastapi.md")[1], "howto", "exec"), names)  # it is our own text

    assert await names["look"](settings) == 0
