"""What is refused before a route is asked, on every route: a credential that is not good, a parameter given twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.contracts.standing import standing

UNKNOWN = "01977d3e-8f00-7000-8000-000000000002"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limits": False})


async def test_a_credential_that_is_not_good_is_answered_as_each_operation_tells(
    settings: Settings, db: Database
) -> None:
    strange = jwt.encode({"iss": "nobody", "sub": "jane"}, "a-secret-of-nobody-in-particular", "HS256")
    async with standing(settings, db) as shop, shop.client() as client:
        document = (await client.get("/openapi.json")).json()
        found = []
        refused = 0
        for method, path, operation in operations(document):
            url = shop.url + re.sub(r"\{\w+\}", UNKNOWN, path)
            answer = await client.request(method, url, headers={"Authorization": f"Bearer {strange}"})
            refused += answer.status_code == 401
            if str(answer.status_code) not in operation["responses"]:
                found.append(f"{method} {path}: {answer.status_code}")
        assert not found, "\n".join(found)
        assert refused > 200


async def test_a_parameter_of_one_value_is_given_once(settings: Settings, db: Database) -> None:
    async with standing(settings, db) as shop, shop.client(shop.staff) as client:
        document = (await client.get("/openapi.json")).json()
        taken, asked = [], 0
        for method, path, operation in operations(document):
            parameters = [p for p in operation.get("parameters", ()) if p["in"] == "query" and method == "GET"]
            needed = {p["name"]: "USD" for p in parameters if p["name"] == "currency"}
            for parameter in parameters:
                if parameter["schema"].get("type") == "array":
                    continue
                asked += 1
                name = parameter["name"]
                url = shop.url + re.sub(r"\{\w+\}", UNKNOWN, path.replace("{version}", "1"))
                others = [(other, value) for other, value in needed.items() if other != name]
                answer = await client.request(method, url, params=[*others, (name, "1"), (name, "1")])
                if answer.status_code != 422 or name not in answer.text:
                    taken.append(f"{method} {path}?{name}: {answer.status_code} {answer.text[:200]}")
        assert not taken, "\n".join(taken)
        assert asked > 40

        several = await client.get("/products", params=[("option", "Size=L"), ("option", "Size=M")])
        assert several.status_code == 200
