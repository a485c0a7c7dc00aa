"""The server does what its OpenAPI document says, whatever it is sent.

Schemathesis makes requests from the served document, good ones and bad ones, alone and in sequences, and
compares every answer with it. `make test` runs it shortly and always alike, `make fuzz` long and by chance.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from pannier.app.audit import audit
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.contracts.standing import StandingShop, Trade, signed_in, standing, trade

# How many requests per operation and kind; without it a short run that is the same every time.
EXAMPLES = os.environ.get("PANNIER_TEST_FUZZ_EXAMPLES")
# Left out of all checks is only that a request is accepted when its schema is right: a key that stood for another
# request, a cursor of no page and a cart's old version are refused, and no schema can tell. Nor is it asked without the
# credential: every request here carries one, and an invalid cookie beside it changes nothing. test_ownership.py does.
NOT_CHECKED = "positive_data_acceptance,ignored_auth"
# Who asks, and in the short run what of: everything is asked by somebody who is let in. Every boundary of every field,
# nine requests of ten, is asked of the cart there, and of everything in the long run.
BY_CHANCE = ["--phases", "examples,fuzzing,stateful"]
ONLY_SHORTLY = "guest at every boundary"
SHORTLY = {
    "guest with a token": [*BY_CHANCE, "--exclude-tag", "auth", "--exclude-tag", "me", "--exclude-tag", "admin"],
    ONLY_SHORTLY: ["--phases", "coverage", "--include-tag", "cart"],
    "customer": [*BY_CHANCE, "--include-tag", "auth", "--include-tag", "me"],
    "guest with a cookie": ["--include-tag", "cart", "--include-tag", "checkout", "--phases", "fuzzing,stateful"],
    "staff": [*BY_CHANCE, "--include-tag", "admin", "--include-tag", "inventory"],
}
# What ends the session that everything else is asked in: asked by itself, after all that.
ENDING = (
    "logout_api_v1_auth_logout_post",
    "end_sessions_api_v1_me_sessions_delete",
    "end_session_api_v1_me_sessions__session_id__delete",
)
# Where in a request the ids of a trade belong; the rest of the time they are made up.
PLACES = {
    "variants": ["path.variant_id", "body.variant_id", "body.items[*].variant_id"],
    "products": ["path.slug_or_id", "path.product_id"],
    "items": [
        "path.item_id",
        "body.item_id",
        "body.items[*].id",
        "body.ids[*]",
        "body.line_ids[*]",
        "body.selected[*]",
    ],
    "checkouts": ["path.checkout_id"],
    "orders": ["path.number"],
    "reservations": ["body.id"],
    "channels": ["query.channel"],
    "zones": ["path.zone_id"],
    "tax-rates": ["path.tax_rate_id"],
    "shipping-methods": ["path.shipping_method_id"],
    "wishlists": ["path.wishlist_id"],
    "price-lists": ["path.price_list_id"],
}


async def document_of(shop: StandingShop) -> dict[str, Any]:
    """The served document without its catch-all, so that every status has to be named by its operation."""
    async with shop.client() as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).raise_for_status().json()
    for item in document["paths"].values():
        for operation in item.values():
            del operation["responses"]["default"]
    return document


def configuration(shop: StandingShop, known: Trade) -> str:
    """Schemathesis' settings: real ids, in two of three places where one belongs."""
    ids = {
        "variants": shop.variants,
        "products": shop.products,
        "items": known.items + known.saved,
        "checkouts": known.checkouts,
        "orders": known.orders,
        "reservations": known.reservations,
        "channels": [shop.settings.channel],
        **{name: [record] for name, record in shop.records.items()},
        "wishlists": known.wishlists,
    }
    # What breaks the schema is also refused for its size, or as no request at all; a fault of the server's is none.
    lines = ["[checks.negative_data_rejection]", 'expected-statuses = ["4xx"]', "[dictionaries]"]
    lines += [f"{name} = {{ values = {json.dumps(values)} }}" for name, values in ids.items()]
    lines += ["[parameters]"]
    for name, places in PLACES.items():
        lines += [f'"{place}" = {{ dictionary = "{name}", probability = 0.67 }}' for place in places]
    return "\n".join([*lines, ""])


async def compare(
    shop: StandingShop,
    document: dict[str, Any],
    known: Trade,
    headers: dict[str, str],
    directory: Path,
    options: Sequence[str] = (),
    *,
    is_watched: bool = False,
) -> tuple[bool, str]:
    """Whether all answers were as the document says, and the report; runs in a process of its own.

    With somebody watching, the report goes to the terminal as it is made.
    """
    (directory / "document.json").write_text(json.dumps(document), encoding="utf-8")
    (directory / "settings.toml").write_text(configuration(shop, known), encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "settings.toml", "run", "document.json"]
    command += ["--url", shop.url, "--no-color", "--continue-on-failure", "--suppress-health-check", "all"]
    command += ["--checks", "all", "--exclude-checks", NOT_CHECKED, "--warnings", "off"]
    command += ["--generation-database", "none", "--output-sanitize", "false"]
    command += ["--max-examples", EXAMPLES] if EXAMPLES else ["--max-examples", "6", "--seed", "1", "--no-shrink"]
    command += options
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    stdout = None if is_watched else asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=stdout, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode == 0, (output or b"It stands above.").decode(errors="replace")


@pytest.mark.timeout(0 if EXAMPLES else 600)
@pytest.mark.parametrize("who", [who for who in SHORTLY if not (EXAMPLES and who == ONLY_SHORTLY)])
async def test_every_answer_is_as_the_document_says(who: str, settings: Settings, db: Database, tmp_path: Path) -> None:
    async with standing(settings, db) as shop:
        known = await trade(shop, with_cookie=who == "guest with a cookie")

        headers = shop.staff if who == "staff" else known.headers
        if who == "customer":
            headers = await signed_in(shop, db)
        options = [] if EXAMPLES else SHORTLY[who]

        document, is_watched = await document_of(shop), bool(EXAMPLES)
        left_out = [word for name in ENDING for word in ("--exclude-operation-id", name)] if who == "customer" else []
        is_as_told, report = await compare(
            shop, document, known, headers, tmp_path, [*options, *left_out], is_watched=is_watched
        )
        assert is_as_told, report
        if left_out:
            async with shop.client(headers) as client:
                assert (await client.get("/me")).status_code == 200
            only = [word for name in ENDING for word in ("--include-operation-id", name)]
            is_as_told, report = await compare(shop, document, known, headers, tmp_path, only, is_watched=is_watched)
            assert is_as_told, report
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{shop.url}/health/ready")).status_code == 200
    assert (await audit(db)).breaches == []


async def test_the_same_comparison_finds_what_is_not_told(settings: Settings, db: Database, tmp_path: Path) -> None:
    """The control: a document that keeps quiet about one status is not what the server does."""
    async with standing(settings, db) as shop:
        known = await trade(shop)
        document = await document_of(shop)
        place = "/api/v1/products/{slug_or_id}"
        document["paths"] = {place: document["paths"][place]}
        del document["paths"][place]["get"]["responses"]["404"]

        is_as_told, report = await compare(shop, document, known, known.headers, tmp_path)

    assert not is_as_told
    assert "Undocumented status code" in report
