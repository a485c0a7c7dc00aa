"""What a shopper is typing, kept as it is, so that a page can be left and gone on with; and sessions that are over."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from pannier.checkout import repository
from pannier.checkout.errors import CheckoutClosedError, CheckoutExpiredError, CheckoutNotFoundError
from pannier.kernel.ids import uuid7
from pannier.platform import idempotency
from pannier.platform.database import Connection, Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal

#: Sessions that are closed in one transaction.
BATCH = 200


class DraftService:
    """Drafts of checkouts. A draft is neither checked nor used: what is told takes the place of what was drafted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def save(
        self, principal: Principal, checkout_id: uuid.UUID, draft: Mapping[str, Any], *, key: Key | None = None
    ) -> Answer:
        """Keep the draft in place of the one before; it answers what is kept.

        Raises CheckoutNotFoundError, CheckoutClosedError, CheckoutExpiredError.
        """

        async def command(connection: Connection) -> Answer:
            outcome = await repository.keep_draft(connection, checkout_id, principal, draft, self._db.offset)
            if outcome == "NOT_FOUND":
                raise CheckoutNotFoundError(f"There is no checkout {checkout_id} among yours.", field="id")
            if outcome == "EXPIRED":
                raise CheckoutExpiredError("This checkout's time is up. The cart is still there: begin a new checkout.")
            if outcome != "OK":
                raise CheckoutClosedError(
                    f"This checkout is {outcome}; it no longer changes.", details={"status": outcome}
                )
            return Answer(msgspec.json.encode(draft))

        return await idempotency.once(self._db, key, command)

    async def expire_due(self) -> int:
        """Close sessions whose time is up, batch by batch; answers how many. Reads and changes see it by themselves."""
        closed = 0
        while True:
            ids = [uuid7() for _ in range(BATCH)]
            count = await self._db.write(
                lambda connection, ids=ids: repository.expire_due(connection, ids, self._db.offset),  # type: ignore[misc]  # bound to this round
                self._db.job_patience_s,
            )
            closed += count
            if count < BATCH:
                return closed
