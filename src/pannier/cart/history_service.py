"""What happened to a cart, what it was, and bringing that back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart import history_repository as repository
from pannier.cart.errors import CartNotFoundError, HistoryNotKeptError, refusal
from pannier.cart.history_repository import EventRow, Restoring, State
from pannier.cart.history_schemas import (
    HistoryEvent,
    HistoryPage,
    LineChange,
    NotRestored,
    PastCart,
    PastLine,
    RestoreAnswer,
)
from pannier.cart.merging import Room
from pannier.cart.models import CartOwner
from pannier.cart.read_model import Money
from pannier.cart.repository import policy_of, read_carts
from pannier.cart.rewrite_models import LineRow, Side, line_values, room_of, tell
from pannier.cart.service import CartService
from pannier.cart.undoing import WantedLine, plan_restore
from pannier.cart.view import show
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key, once
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

Names = Mapping[uuid.UUID, tuple[str | None, str]]
_ENCODER = msgspec.json.Encoder()
#: Before any version that can be.
NEWEST = 2**62


class HistoryService:
    """The history of one shop's carts."""

    def __init__(
        self, db: Database, settings: Settings, carts: CartService, *, snapshot_every: int = repository.SNAPSHOT_EVERY
    ) -> None:
        self._db = db
        self._snapshot_every = snapshot_every
        self._settings = settings
        self._carts = carts
        self._policy = policy_of(settings)

    async def page(
        self,
        owner: CartOwner,
        *,
        cart_id: uuid.UUID | None = None,
        channel: str | None = None,
        before: int = NEWEST,
        limit: int = 20,
    ) -> HistoryPage:
        """The newest events before a version, each with the lines it changed, those still in the outbox included.

        Of the owner's open cart, or of another one of the owner's by its id. Raises CartNotFoundError.
        """
        async with self._db.read() as connection:
            found, currency, _ = await self._find(connection, owner, cart_id, channel)
            events = await repository.page(connection, found, before, limit)
            rows = [row for event in events for change in event.changes for row in (change.before, change.after) if row]
            names = await repository.names_of(connection, {row.variant_id for row in rows})
        newest_first = [_event(event, currency, names) for event in reversed(events)]
        has_more = len(events) == limit and events[0].version > 1
        return HistoryPage(found, newest_first, str(events[0].version) if has_more else None)

    async def past(
        self,
        owner: CartOwner,
        version: int | datetime,
        *,
        cart_id: uuid.UUID | None = None,
        channel: str | None = None,
    ) -> PastCart:
        """The cart as it was at a version or a moment. Raises CartNotFoundError, HistoryNotKeptError."""
        async with self._db.read() as connection:
            found, currency, _ = await self._find(connection, owner, cart_id, channel)
            at = await repository.version_at(connection, found, version) if isinstance(version, datetime) else version
            state = None if at is None else await repository.state_at(connection, found, at)
            if state is None or at is None:
                raise _not_kept(version)
            rows = (*state.lines.values(), *state.saved.values())
            names = await repository.names_of(connection, {row.variant_id for row in rows})
        return PastCart(
            found,
            at,
            state.status,
            currency,
            _past_lines(state.lines, currency, names),
            _past_lines(state.saved, currency, names),
            state.metadata,
            state.coupons,
        )

    async def restore(
        self,
        owner: CartOwner,
        version: int,
        *,
        channel: str | None = None,
        if_match: int | None = None,
        key: Key | None = None,
        who: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Make the open cart again what it was; the answer's body is a RestoreAnswer.

        It gets a version of its own, so this can be taken back too. What limits or stock do not allow is saved for
        later and told. Raises CartNotFoundError, HistoryNotKeptError, CartVersionMismatchError.
        """
        channel = channel or self._settings.channel
        teller = {"actor": owner.user_id or "guest", "device": None, "correlation_id": None, **(who or {})}

        async def command(connection: Connection) -> Answer:
            found = await repository.restore_begin(connection, owner, channel, version, if_match, self._db.offset)
            if found.outcome == "HISTORY_NOT_KEPT":
                raise _not_kept(version)
            if found.outcome == "CART_VERSION_MISMATCH":
                raise await self._changed(connection, owner, channel, if_match)
            if found.mine is None or found.state is None or found.at is None:
                raise CartNotFoundError("There is no cart whose earlier state could be restored.")
            return await self._restore(connection, found, found.mine, found.state, found.at, teller)

        return await once(self._db, key, command)

    async def take(self, batch: int = 2000) -> int:
        """Copy what is new in the outbox into the history; answers how many events that were."""
        total = 0
        while True:
            places, taken = await self._db.write(
                lambda connection: repository.take(connection, batch, self._snapshot_every),
                self._db.job_patience_s,
            )
            total += taken
            if places < batch:
                return total

    async def erase(self, user_id: str, alias: str) -> int:
        """Forget who a user was in every event, snapshot and merge of carts: the name becomes `alias`, devices, notes,
        customisation and metadata go. Answers how many events of the user's carts there are."""
        await self.take()
        return await self._db.write(lambda connection: repository.erase(connection, user_id, alias, self._db.offset))

    async def _find(
        self, connection: Connection, owner: CartOwner, cart_id: uuid.UUID | None, channel: str | None
    ) -> tuple[uuid.UUID, str, int]:
        found = None
        if owner.is_known:
            now = self._db.clock.now()
            found = await repository.find(connection, cart_id, owner, channel or self._settings.channel, now)
        if found is None:
            raise CartNotFoundError("There is no such cart of yours.", field=None if cart_id is None else "cart_id")
        return found

    async def _changed(self, connection: Connection, owner: CartOwner, channel: str, if_match: int | None) -> Exception:
        (document,) = await read_carts(connection, [(owner, channel)], self._db.offset)
        cart = None if document is None else show(document, await self._carts.rules_of(document))
        details: dict[str, object] = {"expected": if_match, "actual": 0 if cart is None else cart.version}
        return refusal("CART_VERSION_MISMATCH", details, cart)

    async def _restore(
        self,
        connection: Connection,
        found: Restoring,
        mine: Side,
        state: State,
        at: datetime,
        teller: Mapping[str, Any],
    ) -> Answer:
        then = sorted(state.lines.values(), key=lambda row: row.id)
        saved = list(state.saved.values())
        room = room_of(found.room, self._settings)
        if self._settings.cart_price_policy == "keep":
            # What a line costs is its own then, and nobody goes back to what something cost once.
            then, saved = todays_prices(then, mine.lines, room), todays_prices(saved, mine.lines, room)
        lines = plan_restore(mine.rules_lines, [row.line for row in then], room)
        missing = [
            NotRestored(line.line.variant_id, line.missing, line.reason or "stock") for line in lines if line.missing
        ]
        variants = sorted(mine.variants | {row.variant_id for row in (*then, *state.saved.values())})
        values = {
            "mine": mine.id,
            "lines": _written(lines, mine, then),
            "saved": [
                *(_saved(row) for row in saved),
                *(
                    {**line_values(line.line, line.saved), "id": uuid7(), "reason": "restore"}
                    for line in lines
                    if line.saved
                ),
            ],
            "metadata": state.metadata,
            "coupons": state.coupons,
            "tell": tell(
                "cart.restored", teller, variants, uuid7(), restored_version=found.version, not_restored=missing
            ),
        }
        document = await repository.restore_apply(connection, values, self._policy, at)
        cart = show(document, await self._carts.rules_of(document))
        return Answer(_ENCODER.encode(RestoreAnswer(found.version or 0, missing, cart)))


def _written(lines: list[WantedLine], mine: Side, then: list[LineRow]) -> list[dict[str, Any]]:
    """Lines to be written. One that is not in the cart now gets a new id: its old one may be another cart's by now."""
    present = {row.id for row in mine.lines}
    added = {row.identity: row.added_at for row in (*mine.lines, *then)}
    return [
        {
            **line_values(line.line, line.quantity, added_at=added[line.line.identity]),
            "id": line.line.id if line.line.id in present else uuid7(),
        }
        for line in lines
    ]


def todays_prices(rows: Sequence[LineRow], now: Sequence[LineRow], room: Room) -> list[LineRow]:
    """Rows of an earlier cart at the price that the cart has for the line now, else at today's; fixed ones stay."""
    present = {row.identity: row for row in now}
    priced = []
    for row in rows:
        there, variant = present.get(row.identity), room.variants.get(row.variant_id)
        today = None if variant is None else variant.price_minor
        if row.is_price_fixed or (there is None and today is None):
            priced.append(row)
            continue
        minor, shelf, shown = (
            (today, None, None) if there is None else (there.unit_price_minor, there.shelf_minor, there.shown_minor)
        )
        priced.append(msgspec.structs.replace(row, unit_price_minor=minor, shelf_minor=shelf, shown_minor=shown))
    return priced


def _missing(line: WantedLine) -> NotRestored:
    return NotRestored(line.line.variant_id, line.missing, line.reason or "stock")


def _aside(line: WantedLine) -> dict[str, Any]:
    return {**line_values(line.line, line.saved), "id": uuid7(), "reason": "restore"}


def _saved(row: LineRow) -> dict[str, Any]:
    return {**line_values(row.line, row.quantity, added_at=row.added_at), "id": uuid7(), "reason": row.reason}


def _not_kept(version: int | datetime) -> HistoryNotKeptError:
    asked = version.isoformat() if isinstance(version, datetime) else version
    return HistoryNotKeptError(
        f"What the cart was at {asked} is not known: see its history for the versions there are.",
        field="version",
        details={"version": asked},
    )


def _event(event: EventRow, currency: str, names: Names) -> HistoryEvent:
    return HistoryEvent(
        event.version,
        event.type,
        event.at.isoformat(),
        event.actor,
        event.device,
        event.correlation_id,
        [
            LineChange(
                change.id,
                change.is_saved,
                None if change.before is None else _past_line(change.before, currency, names),
                None if change.after is None else _past_line(change.after, currency, names),
            )
            for change in event.changes
        ],
    )


def _past_lines(rows: Mapping[uuid.UUID, LineRow], currency: str, names: Names) -> list[PastLine]:
    return [_past_line(rows[line_id], currency, names) for line_id in sorted(rows)]


def _past_line(row: LineRow, currency: str, names: Names) -> PastLine:
    sku, name = names.get(row.variant_id, (None, None))
    extra = row.extra or {}
    return PastLine(
        row.id,
        row.variant_id,
        sku,
        name,
        row.quantity,
        Money(row.unit_price_minor if row.shown_minor is None else row.shown_minor, currency),
        extra.get("attributes", {}),
        extra.get("note"),
        extra.get("customisation", {}),
        row.is_selected,
        row.added_at,
    )
