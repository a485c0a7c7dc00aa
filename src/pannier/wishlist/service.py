"""Lists of an owner and what is on them. A command's answer is the list as it is after it, ready to be sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key, once
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from pannier.wishlist import errors, repository, rules, view
from pannier.wishlist.basis import Done, Open, WishlistBasis, check_name, no_list
from pannier.wishlist.models import By, Item, ItemChange, NewItem, Owner
from pannier.wishlist.owners import adopt
from pannier.wishlist.ports import GuestTokens

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class WishlistService(WishlistBasis):
    """The wishlists of one shop."""

    def __init__(self, db: Database, settings: Settings, guest_tokens: GuestTokens) -> None:
        super().__init__(db, settings)
        self._guest_tokens = guest_tokens

    async def guest_token(self, principal: Principal) -> str:
        """The token of a guest's lists from now on; a new one where nobody knows the one shown."""
        lists = await self.lists(Owner(token=principal.cart_token))
        return await self._guest_tokens(principal, is_known=bool(lists))

    async def create(
        self, owner: Owner, name: str, by: By, *, is_default: bool = False, key: Key | None = None
    ) -> Answer:
        """A new list. The first one is the default. Raises WishlistLimitError, WishlistNameTakenError."""

        async def command(connection: Connection) -> Answer:
            mine = await repository.lock(connection, owner)
            made = await self.insert(connection, owner, mine, name, by)
            if is_default and mine:
                await repository.make_default(connection, [found.id for found in mine], made)
            return await self.document(connection, made, 201)

        return await once(self.db, key, command)

    async def change_list(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        by: By,
        *,
        name: str | None = None,
        is_default: bool = False,
        if_match: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Rename a list, or make it the default. Raises WishlistNotFoundError, WishlistNameTakenError."""

        async def act(opened: Open) -> Done:
            told: dict[str, Any] = {}
            if name is not None and name != opened.found.name:
                check_name(name, [other for other in opened.lists if other.id != opened.found.id])
                await repository.rename(opened.connection, opened.found.id, name, rules.name_key(name))
                told["name"] = {"before": opened.found.name, "after": name}
            if is_default and not opened.found.is_default:
                ids = [found.id for found in opened.lists]
                await repository.make_default(opened.connection, ids, opened.found.id)
                told["is_default"] = True
            return ("wishlist.changed", told) if told else None

        return await self.change(owner, wishlist_id, by, act, if_match=if_match, key=key)

    async def delete(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        by: By,
        *,
        if_match: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Take a list away with all that is on it; the oldest of the others is the default if it was."""

        async def act(opened: Open) -> Done:
            others = [found.id for found in opened.lists if found.id != opened.found.id]
            done = ("wishlist.deleted", {"items": len(opened.items)})
            await repository.touch(opened.connection, opened.found.id, *done, by, self.place.now)
            await repository.delete(opened.connection, opened.found.id)
            if opened.found.is_default and others:
                await repository.make_default(opened.connection, others, others[0])
            return None

        return await self.change(owner, wishlist_id, by, act, if_match=if_match, key=key)

    async def add(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        new: NewItem,
        by: By,
        *,
        if_match: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Put a variant on a list, the default one where none is named, which is made then. What is there already
        takes the larger quantity. Raises WishlistNotFoundError, WishlistLimitError, ProductNotFoundError."""

        async def act(opened: Open) -> Done:
            return await self.put(opened, owner, new)

        return await self.change(owner, wishlist_id, by, act, if_match=if_match, key=key, makes_default=True)

    async def toggle(
        self,
        owner: Owner,
        variant_id: uuid.UUID,
        by: By,
        *,
        wishlist_id: uuid.UUID | None = None,
        is_wanted: bool | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Put a variant on the default list, or take it off every list it is on (off one, where that is named).

        `is_wanted` says which of the two; without it the one that is not so. The answer's body has `on_list`, and
        `undo` for what was taken off.
        """

        async def command(connection: Connection) -> Answer:
            mine = await repository.lock(connection, owner)
            if wishlist_id is not None and all(found.id != wishlist_id for found in mine):
                raise no_list()
            looked_at = [found for found in mine if wishlist_id in {None, found.id}]
            items = await repository.items(connection, self.place, [found.id for found in looked_at])
            there = [item for item in items if item.variant_id == variant_id]
            wanted = not there if is_wanted is None else is_wanted
            if wanted:
                if not there:
                    opened = await self.opened(connection, owner, mine, wishlist_id, by, makes_default=True)
                    done = await self.put(opened, owner, NewItem(variant_id=variant_id))
                    await repository.touch(connection, opened.found.id, *done, by, self.place.now)
                return _toggled(variant_id, is_on=True)
            undo = []
            for found in looked_at:
                gone = [item for item in there if item.wishlist_id == found.id]
                if gone:
                    done = await _take_off(connection, gone)
                    version = await repository.touch(connection, found.id, *done, by, self.place.now)
                    undo.append({"wishlist_id": found.id, "version": version})
            return _toggled(variant_id, is_on=False, undo=undo)

        return await once(self.db, key, command)

    async def change_item(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        item_id: uuid.UUID,
        wanted: ItemChange,
        by: By,
        *,
        if_match: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Change quantity, note, switches or list of an item. On another list it joins an equal one that is there."""

        async def act(opened: Open) -> Done:
            item = opened.item(item_id)
            self.check_switches(owner, wanted.wants_stock, wanted.wants_price)
            extra = dict(item.extra)
            if wanted.note is not None:
                extra = {name: value for name, value in {**extra, "note": wanted.note}.items() if value}
            self.check_extra(extra)
            quantity = item.quantity if wanted.quantity is None else wanted.quantity
            await repository.change_item(opened.connection, item, quantity, extra, self.place.now)
            await repository.switch(opened.connection, self.place, item.id, wanted.wants_stock, wanted.wants_price)
            if wanted.wishlist_id not in {None, opened.found.id}:
                await self._move(opened, item, wanted.wishlist_id, by)
                return "wishlist.item_moved", {"item_id": str(item.id), "to": str(wanted.wishlist_id)}
            return "wishlist.item_changed", {"item_id": str(item.id), "quantity": quantity}

        return await self.change(owner, wishlist_id, by, act, if_match=if_match, key=key)

    async def remove(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        item_ids: Sequence[uuid.UUID],
        by: By,
        *,
        if_match: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Take items off a list. Raises WishlistItemNotFoundError."""

        async def act(opened: Open) -> Done:
            return await _take_off(opened.connection, [opened.item(item_id) for item_id in item_ids])

        return await self.change(owner, wishlist_id, by, act, if_match=if_match, key=key)

    async def undo(
        self, owner: Owner, wishlist_id: uuid.UUID, version: int, by: By, *, key: Key | None = None
    ) -> Answer:
        """Put back what the change to this version took off. Raises WishlistUndoError, WishlistNotFoundError."""

        async def act(opened: Open) -> Done:
            gone = await repository.taken_off(opened.connection, wishlist_id, version)
            if gone is None or await repository.undone(opened.connection, wishlist_id, version):
                raise errors.WishlistUndoError("There is nothing to put back, or it is back already.")
            for item in gone:
                await self._put_back(opened, item)
            return "wishlist.items_restored", {"undone_version": version, "items": len(gone)}

        return await self.change(owner, wishlist_id, by, act, key=key)

    async def reorder(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        item_ids: Sequence[uuid.UUID],
        by: By,
        *,
        if_match: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Give a list's items an order; those that are not named come behind, as they were."""

        async def act(opened: Open) -> Done:
            present = [item.id for item in opened.items]
            order = rules.ordered(present, item_ids)
            if order == present:
                return None
            await repository.reorder(opened.connection, order)
            return "wishlist.reordered", {"item_ids": [str(item) for item in order]}

        return await self.change(owner, wishlist_id, by, act, if_match=if_match, key=key)

    async def merge(self, owner: Owner, token: str | None, by: By, *, key: Key | None = None) -> Answer:
        """Make the lists of a guest's token the customer's; none where there is no token, or it has none."""
        assert owner.user_id is not None
        user_id = owner.user_id

        async def command(connection: Connection) -> Answer:
            merged = 0
            if token is not None:
                merged = await adopt(connection, self.place, token, user_id, self.settings.wishlist_max, by)
            mine = await repository.lists(connection, owner)
            return Answer(msgspec.json.encode({"merged": merged, "wishlists": [view.show_list(each) for each in mine]}))

        return await once(self.db, key, command)

    async def _move(self, opened: Open, item: Item, wishlist_id: uuid.UUID | None, by: By) -> None:
        target = next((found for found in opened.lists if found.id == wishlist_id), None)
        if target is None:
            raise no_list("wishlist_id")
        there = await repository.items(opened.connection, self.place, [target.id])
        equal = next((i for i in there if (i.variant_id, i.merge_key) == (item.variant_id, item.merge_key)), None)
        if equal is None:
            self.check_room(len(there))
            position = max((i.position for i in there), default=0) + 1
            await repository.move_item(opened.connection, item.id, target.id, position)
        else:
            quantity = max(equal.quantity, item.quantity)
            extra = {**dict(item.extra), **dict(equal.extra)}
            await repository.change_item(opened.connection, equal, quantity, extra, self.place.now)
            await repository.delete_items(opened.connection, [item.id])
        data = {"item_id": str(item.id), "variant_id": str(item.variant_id), "from": str(item.wishlist_id)}
        await repository.touch(opened.connection, target.id, "wishlist.item_added", data, by, self.place.now)

    async def _put_back(self, opened: Open, item: Mapping[str, Any]) -> None:
        variant_id, extra = uuid.UUID(item["variant_id"]), item["extra"]
        item_id, is_new = await repository.put(
            opened.connection,
            self.place,
            opened.found.id,
            variant_id,
            rules.merge_key(extra),
            item["quantity"],
            extra,
            item["position"],
        )
        if item_id is None or not is_new:
            return
        await repository.restore_item(opened.connection, item_id, item)
        await repository.switch(
            opened.connection, self.place, item_id, item["wants_stock"] or None, item["wants_price"] or None
        )


async def _take_off(connection: Connection, items: Sequence[Item]) -> tuple[str, dict[str, Any]]:
    await repository.delete_items(connection, [item.id for item in items])
    kept = [{**view.kept(item), "variant_id": str(item.variant_id)} for item in items]
    return "wishlist.items_removed", {"items": kept}


def _toggled(variant_id: uuid.UUID, *, is_on: bool, undo: Sequence[Mapping[str, Any]] = ()) -> Answer:
    return Answer(msgspec.json.encode({"variant_id": variant_id, "on_list": is_on, "undo": list(undo)}))
