"""Links to a cart: made, listed and revoked by its owner, looked at and written through by whoever has one."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart.document import CartDocument
from pannier.cart.errors import CartNotFoundError, LimitExceededError, ShareNotFoundError, ShareReadOnlyError
from pannier.cart.models import CartOwner, Change, Command, add
from pannier.cart.service import CartService, Outcome
from pannier.cart.sharing_schemas import AddShared, Mode, Share, SharedCart, SharedItem
from pannier.cart.view import show
from pannier.kernel.ids import hash_token, new_share_token, uuid7
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key, once
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_MAKE = """select shared, is_full, made_at, nullif(until, 'infinity') as until
             from cart_share_make($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_GOOD = """select s.id, s.is_collaborative, s.shows_notes, s.created_at,
                  nullif(s.expires_at, 'infinity') as expires_at from cart_share s
            where s.cart_id = cart_of_history(null, $1, $2, $3, $4) and s.revoked_at is null and s.expires_at > $4
            order by s.created_at, s.id"""
_REVOKE = """update cart_share s set revoked_at = $4
              where s.id = $1 and s.revoked_at is null and exists (
                select 1 from cart c where c.id = s.cart_id
                   and case when $3::text is not null then c.user_id = $3 else c.token_hash = $2 end)"""
_OPEN = """select share_id, is_collaborative, shows_notes, nullif(expires_at, 'infinity') as expires_at, cart_id,
                  token_hash, user_id, channel from cart_of_share($1, $2)"""


@dataclass(frozen=True, slots=True)
class Link:
    """What a token opens: a cart, by its owner, and how far."""

    share_id: uuid.UUID
    mode: Mode
    shows_notes: bool
    expires_at: str | None
    cart_id: uuid.UUID
    owner: CartOwner
    channel: str


@dataclass(frozen=True, slots=True)
class By:
    """Who writes through a link, and the headers of the request; the key's owner is who asks."""

    user_id: str | None = None
    device: str | None = None
    correlation_id: str | None = None
    key: Key | None = None
    if_match: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A shared cart after a change through its link."""

    cart: SharedCart
    is_replay: bool


class SharingService:
    """The shared carts of one shop."""

    def __init__(self, db: Database, settings: Settings, carts: CartService) -> None:
        self._db = db
        self._settings = settings
        self._carts = carts

    async def share(
        self,
        owner: CartOwner,
        mode: Mode = "read",
        *,
        shows_notes: bool = False,
        hours: float | None = None,
        channel: str | None = None,
        key: Key | None = None,
    ) -> Answer:
        """A new link to the owner's open cart: a Share with its token, which is told here and stored hashed.

        A replay has no token. Raises CartNotFoundError, LimitExceededError (`cart_share_max`).
        """
        channel = channel or self._settings.channel
        token, share_id = new_share_token(), uuid7()
        days = self._settings.cart_share_ttl_days
        ttl = timedelta(hours=hours) if hours is not None else timedelta(days=days) if days else None

        async def command(connection: Connection) -> Answer:
            row = await connection.fetchrow(
                _MAKE,
                share_id,
                hash_token(token),
                mode == "collaborate",
                shows_notes,
                ttl,
                _digest(owner),
                owner.user_id,
                channel,
                self._settings.cart_share_max,
                self._db.offset,
            )
            assert row is not None
            if row["shared"] is None:
                raise CartNotFoundError("There is no cart yet that could be shared. Add an item first.")
            if row["is_full"]:
                raise LimitExceededError(
                    "This cart has as many links as it may have. Revoke one first.",
                    details={"limit": "cart_shares", "maximum": self._settings.cart_share_max},
                )
            made = Share(share_id, mode, shows_notes, row["made_at"].isoformat(), _text(row["until"]))
            return Answer(msgspec.json.encode(made), 201)

        answer = await once(self._db, key, command)
        if answer.is_replay:
            return answer
        # Not in the answer that is kept under the key: secrets are stored hashed.
        told = msgspec.structs.replace(msgspec.json.decode(answer.body, type=Share), token=token)
        return Answer(msgspec.json.encode(told), 201)

    async def shares(self, owner: CartOwner, *, channel: str | None = None) -> list[Share]:
        """The links to the owner's open cart that are good, without their tokens, which nobody knows any more."""
        async with self._db.read() as connection:
            rows = await connection.fetch(
                _GOOD, _digest(owner), owner.user_id, channel or self._settings.channel, self._db.clock.now()
            )
        return [
            Share(
                row["id"],
                _mode(row["is_collaborative"]),
                row["shows_notes"],
                row["created_at"].isoformat(),
                _text(row["expires_at"]),
            )
            for row in rows
        ]

    async def revoke(self, owner: CartOwner, share_id: uuid.UUID, *, key: Key | None = None) -> Answer:
        """Make a link of the owner's worthless at once. Raises ShareNotFoundError."""

        async def command(connection: Connection) -> Answer:
            tag = await connection.execute(_REVOKE, share_id, _digest(owner), owner.user_id, self._db.clock.now())
            if tag != "UPDATE 1":
                raise ShareNotFoundError("There is no such link of yours.", field="id")
            return Answer(b"null", 204)

        return await once(self._db, key, command)

    async def open(self, token: str, *, to_write: bool = False) -> Link:
        """What a link leads to. Raises ShareNotFoundError, and ShareReadOnlyError when it is to write with."""
        async with self._db.read() as connection:
            row = await connection.fetchrow(_OPEN, hash_token(token), self._db.offset)
        if row is None:
            raise ShareNotFoundError("This link is not, or no longer, good. Ask whoever shared the cart.")
        if to_write and not row["is_collaborative"]:
            raise ShareReadOnlyError("This link shows the cart. Copy it into a cart of your own to change it.")
        owner = CartOwner(user_id=row["user_id"], token_digest=row["token_hash"])
        return Link(
            row["share_id"],
            _mode(row["is_collaborative"]),
            row["shows_notes"],
            _text(row["expires_at"]),
            row["cart_id"],
            owner,
            row["channel"],
        )

    async def view(self, token: str) -> SharedCart:
        """The cart behind a link, without a trace of whose it is."""
        link = await self.open(token)
        return await self._shown(link, await self._document(link))

    async def add(self, token: str, item: AddShared, by: By) -> Written:
        """Put something into somebody's cart, on a line that tells who did."""
        link = await self.open(token, to_write=True)
        change = add(item.variant_id, item.quantity, attributes=item.attributes, note=item.note)
        signed = msgspec.json.encode([item.name, item.attributes or {}], order="deterministic")
        own_line = Change(
            op="add",
            line_id=change.line_id,
            variant_id=item.variant_id,
            quantity=item.quantity,
            # A line of one's own, so that everybody sees who wants what.
            merge_key=hashlib.sha256(b"added by " + signed).hexdigest()[:32],
            extra={**(change.extra or {}), "added_by": item.name},
        )
        return await self._write(link, "cart.item_added", [own_line], by)

    async def change(self, token: str, changes: Sequence[Change], by: By) -> Written:
        """Change lines of somebody's cart, all or none."""
        return await self._write(await self.open(token, to_write=True), "cart.items_changed", changes, by)

    async def copy(self, token: str, command: Command) -> Outcome:
        """Add every line of a shared cart to another one, as far as it goes; `command` says whose."""
        link = await self.open(token)
        document = await self._document(link)
        changes = [
            add(
                uuid.UUID(line.variant_id),
                line.quantity,
                attributes=(line.extra or {}).get("attributes"),
                note=_note_shown(link, line.extra or {}),
                customisation=(line.extra or {}).get("customisation"),
            )
            for line in document.lines or ()
        ]
        return await self._carts.apply(replace(command, changes=changes, is_atomic=False))

    async def _write(self, link: Link, event: str, changes: Sequence[Change], by: By) -> Written:
        command = Command(
            owner=link.owner,
            event=event,
            changes=changes,
            channel=link.channel,
            cart_id=link.cart_id,
            actor=by.user_id or f"share:{link.share_id}",
            device=by.device,
            correlation_id=by.correlation_id,
            if_match=by.if_match,
        )
        if by.key is not None:
            # A key of the caller's for this link: the cart's owner may use the same one for something else.
            whose = hashlib.sha256(b"share:" + link.share_id.bytes + by.key.owner).digest()
            command = replace(command, idempotency_key=by.key.key, request_hash=by.key.request_hash, key_owner=whose)
        try:
            outcome = await self._carts.apply(command)
        except Exception as refusal:
            # A refusal comes with the whole cart, which is for its owner.
            if getattr(refusal, "cart", None) is not None:
                refusal.cart = None  # type: ignore[attr-defined]  # looked for in the line above
            raise
        assert outcome.answer.cart is not None
        return Written(await self._shown(link, outcome.answer.cart), outcome.is_replay)

    async def _document(self, link: Link) -> CartDocument:
        document = await self._carts.find(link.owner, link.channel)
        if document is None or document.id != str(link.cart_id):
            raise ShareNotFoundError("This cart was closed a moment ago.")
        return document

    async def _shown(self, link: Link, document: CartDocument) -> SharedCart:
        cart = show(document, await self._carts.rules_of(document))
        extras = {line.id: line.extra or {} for line in document.lines or ()}
        return SharedCart(
            link.mode,
            link.expires_at,
            cart.version,
            cart.currency,
            [
                SharedItem(
                    item.id,
                    item.variant_id,
                    item.product_id,
                    item.name,
                    item.slug,
                    item.image,
                    item.options,
                    item.attributes,
                    _note_shown(link, extras[item.id]),
                    item.quantity,
                    item.unit_price,
                    item.total_price,
                    item.discounts,
                    extras[item.id].get("added_by"),
                )
                for item in cart.items
            ],
            cart.totals,
            cart.total_items,
            cart.total_quantity,
        )


def _note_shown(link: Link, extra: Mapping[str, Any]) -> str | None:
    """A line's note for those with the link: the owner's own only where that was chosen, it may be private."""
    note: str | None = extra.get("note")
    return note if link.shows_notes or "added_by" in extra else None


def _mode(is_collaborative: bool) -> Mode:
    return "collaborate" if is_collaborative else "read"


def _text(moment: object) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else None


def _digest(owner: CartOwner) -> bytes | None:
    return hash_token(owner.token) if owner.token is not None else owner.token_digest
