"""Somebody with wishlists, over HTTP; and what the shop does that they wait for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from pannier.platform.database import Database
from tests.support.catalogue import LOCATION

JANE = "jane@example.com"


@dataclass
class Wisher:
    """A client that speaks for one customer or guest."""

    http: httpx.AsyncClient

    async def send(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = await self.http.request(method, path.lstrip("/"), json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def wish(self, variant: UUID, wishlist: str = "default", **options: Any) -> dict[str, Any]:
        """Put a variant on a list; answers its item."""
        body = {"variant_id": str(variant), **options}
        found = await self.send("POST", f"/wishlists/{wishlist}/items", body)
        return next(item for item in found["items"] if item["variant_id"] == str(variant))

    async def items(self, wishlist: str = "default") -> list[dict[str, Any]]:
        """What is on a list."""
        found: list[dict[str, Any]] = (await self.send("GET", f"/wishlists/{wishlist}"))["items"]
        return found

    async def names(self) -> list[str]:
        """The lists, the default one first."""
        return [found["name"] for found in (await self.send("GET", "/wishlists"))["wishlists"]]

    async def heart(self, variant: UUID, on: bool | None = None) -> dict[str, Any]:
        """Press a heart."""
        body = {"variant_id": str(variant), **({} if on is None else {"on": on})}
        pressed: dict[str, Any] = await self.send("POST", "/wishlists/hearts/toggle", body)
        return pressed


async def reprice(db: Database, variant: UUID, amount_minor: int) -> None:
    """Give a variant another price, as the catalogue does."""
    async with db.read() as connection, connection.transaction():
        await connection.execute("update price set amount_minor = $2 where variant_id = $1", variant, amount_minor)
        await connection.execute(
            "select catalog_refresh_display(array(select product_id from variant where id = $1))", variant
        )


async def restock(db: Database, variant: UUID, quantity: int) -> None:
    """Receive units, or take some away."""
    async with db.read() as connection:
        assert await connection.fetchval(
            "select stock_add($1, $2, $3, $4, "
            "row('test', null, null, null, null, '', clock_timestamp())::movement_cause)",
            variant,
            LOCATION,
            quantity,
            "receive" if quantity > 0 else "adjust",
        )
