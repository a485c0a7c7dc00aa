"""Links to a wishlist: made, listed and revoked by its owner, looked at and copied from by whoever has one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.kernel.ids import hash_token, new_wish_token, uuid7
from pannier.platform.idempotency import Answer, Key, once
from pannier.wishlist import errors, repository, rules, view
from pannier.wishlist.basis import Happened, Open, WishlistBasis, no_list
from pannier.wishlist.models import By, Item, NewItem, Owner

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_LIST_BEHIND = "select s.wishlist_id from wishlist_share s where s.token_hash = $1 and s.revoked_at is null"
_GOOD = """select s.id, s.created_at from wishlist_share s
            where s.wishlist_id = $1 and s.revoked_at is null order by s.created_at, s.id"""
_REVOKE = "update wishlist_share set revoked_at = $3 where id = $1 and wishlist_id = $2 and revoked_at is null"
_INSERT = "insert into wishlist_share (id, wishlist_id, token_hash, created_at) values ($1, $2, $3, $4)"


class WishlistSharing(WishlistBasis):
    """The shared wishlists of one shop."""

    async def share(self, owner: Owner, wishlist_id: uuid.UUID | None, by: By, *, key: Key | None = None) -> Answer:
        """A new link to a list: its token is told here, in a replay not any more, and stored hashed.

        Raises WishlistNotFoundError, WishlistLimitError.
        """
        token, share_id, most = new_wish_token(), uuid7(), self.settings.wishlist_share_max

        async def command(connection: Connection) -> Answer:
            mine = await repository.lock(connection, owner)
            opened = await self.opened(connection, owner, mine, wishlist_id, by, makes_default=False)
            if len(await connection.fetch(_GOOD, opened.found.id)) >= most:
                raise errors.WishlistLimitError(
                    "This list has as many links as it may have. Revoke one first.",
                    details={"limit": "wishlist_shares", "maximum": most},
                )
            now = self.place.now
            await connection.execute(_INSERT, share_id, opened.found.id, hash_token(token), now)
            told = {"share_id": str(share_id)}
            await repository.touch(connection, opened.found.id, "wishlist.shared", told, by, now)
            return Answer(msgspec.json.encode(_share(share_id, now)), 201)

        answer = await once(self.db, key, command)
        if answer.is_replay:
            return answer
        return Answer(msgspec.json.encode({**msgspec.json.decode(answer.body), "token": token}), 201)

    async def shares(self, owner: Owner, wishlist_id: uuid.UUID | None) -> list[dict[str, Any]]:
        """The links to a list that are good, without their tokens, which nobody knows any more."""
        async with self.db.read() as connection:
            found = await repository.find(connection, owner, wishlist_id) if owner.is_known else None
            if found is None:
                raise no_list()
            rows = await connection.fetch(_GOOD, found.id)
        return [_share(row["id"], row["created_at"]) for row in rows]

    async def revoke(
        self, owner: Owner, wishlist_id: uuid.UUID | None, share_id: uuid.UUID, by: By, *, key: Key | None = None
    ) -> Answer:
        """Make a link worthless at once. Raises WishlistShareNotFoundError, WishlistNotFoundError."""

        async def act(opened: Open) -> Happened:
            tag = await opened.connection.execute(_REVOKE, share_id, opened.found.id, self.place.now)
            if tag != "UPDATE 1":
                raise errors.WishlistShareNotFoundError("This list has no such link.", field="share_id")
            return "wishlist.share_revoked", {"share_id": str(share_id)}

        return await self.change(owner, wishlist_id, by, act, key=key)

    async def view(self, token: str) -> dict[str, Any]:
        """The list behind a link, without a trace of whose it is. Raises WishlistShareNotFoundError."""
        async with self.db.read() as connection:
            found, items = await self._behind(connection, token)
        return view.show_public(found, items)

    async def copy(
        self,
        token: str,
        owner: Owner,
        by: By,
        *,
        wishlist_id: uuid.UUID | None = None,
        item_ids: Sequence[uuid.UUID] | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Put what is on a shared list on one's own, all of it or the named items.

        What is there already stays as it is. Raises WishlistShareNotFoundError, WishlistLimitError.
        """

        async def act(opened: Open) -> Happened:
            _, shared = await self._behind(opened.connection, token)
            added = 0
            for item in shared:
                if item_ids is not None and item.id not in item_ids:
                    continue
                there = {(other.variant_id, other.merge_key) for other in opened.items}
                new = NewItem(variant_id=item.variant_id, attributes=item.extra.get("attributes"))
                if (item.variant_id, rules.merge_key(rules.extra_of(new))) not in there:
                    self.check_room(len(opened.items) + added)
                    await self.put(opened, owner, new)
                    added += 1
            return "wishlist.copied", {"items": added}

        return await self.change(owner, wishlist_id, by, act, key=key, makes_default=True)

    async def _behind(self, connection: Connection, token: str) -> tuple[Any, list[Item]]:
        wishlist_id = await connection.fetchval(_LIST_BEHIND, hash_token(token))
        found = None if wishlist_id is None else await repository.by_id(connection, wishlist_id)
        if found is None:
            raise errors.WishlistShareNotFoundError(
                "This link is not, or no longer, good. Ask whoever shared the list."
            )
        return found, await repository.items(connection, self.place, [found.id])


def _share(share_id: uuid.UUID, created_at: datetime) -> dict[str, Any]:
    return {"id": str(share_id), "created_at": rules.as_text(created_at), "token": None}
