"""What every command on a wishlist has in common: the owner's lock, one act, its event, the list as the answer."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.catalog import ProductNotFoundError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key, once
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.wishlist import errors, repository, rules, view
from pannier.wishlist.models import By, Item, NewItem, Owner, Wishlist
from pannier.wishlist.repository import Place

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: What an act came to: the type of its event and what that tells.
Happened = tuple[str, dict[str, Any]]
#: The same, or None when nothing changed.
Done = Happened | None


@dataclass(frozen=True, slots=True)
class Open:
    """A list that is being changed, among its owner's others."""

    connection: Connection
    found: Wishlist
    lists: Sequence[Wishlist]
    items: Sequence[Item]

    def item(self, item_id: uuid.UUID) -> Item:
        """An item of the list. Raises WishlistItemNotFoundError."""
        found = next((item for item in self.items if item.id == item_id), None)
        if found is None:
            raise errors.WishlistItemNotFoundError("The list has no such item, or no longer.", field="item_id")
        return found


Act = Callable[[Open], Awaitable[Done]]


class WishlistBasis:
    """Reading lists, and one command on one of them."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self.settings = settings
        self.place = Place(db, settings.currency, settings.channel)

    @property
    def is_for_guests(self) -> bool:
        """Whether a guest may have wishlists, too."""
        return self.settings.wishlist_login == "optional"

    def owner_of(self, principal: Principal) -> Owner:
        """Whose lists somebody's are. Raises LoginRequiredError where only customers have any."""
        if principal.user_id is not None:
            return Owner(principal.user_id)
        if not self.is_for_guests:
            raise LoginRequiredError(
                "Sign in to keep a wishlist.", headers={"WWW-Authenticate": 'Bearer realm="pannier"'}
            )
        return Owner(token=principal.cart_token)

    async def lists(self, owner: Owner) -> list[Wishlist]:
        """The owner's lists, the default one first."""
        if not owner.is_known:
            return []
        async with self.db.read() as connection:
            return await repository.lists(connection, owner)

    async def open(self, owner: Owner, wishlist_id: uuid.UUID | None) -> tuple[Wishlist, list[Item]]:
        """A list with its items, live; the default one where none is named. Raises WishlistNotFoundError."""
        if not owner.is_known:
            raise no_list()
        async with self.db.read() as connection:
            found = await repository.find(connection, owner, wishlist_id)
            if found is None:
                raise no_list()
            return found, await repository.items(connection, self.place, [found.id])

    async def marks(self, owner: Owner, variants: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these variants are on a list of the owner's."""
        if not owner.is_known or not variants:
            return set()
        async with self.db.read() as connection:
            return await repository.marks(connection, owner, variants)

    async def change(
        self,
        owner: Owner,
        wishlist_id: uuid.UUID | None,
        by: By,
        act: Act,
        *,
        if_match: int | None = None,
        key: Key | None = None,
        makes_default: bool = False,
        beside: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Carry out one act on a list, once per key; the answer is the list afterwards, or 204 when it is gone.

        With `beside` the answer has these members and the list as `wishlist`.
        """

        async def command(connection: Connection) -> Answer:
            mine = await repository.lock(connection, owner)
            opened = await self.opened(connection, owner, mine, wishlist_id, by, makes_default=makes_default)
            if if_match is not None and if_match != opened.found.version:
                raise errors.WishlistVersionMismatchError(
                    f"The list is at version {opened.found.version}, not {if_match}. Look at it and repeat the change.",
                    field="If-Match",
                    details={"expected": if_match, "actual": opened.found.version},
                )
            done = await act(opened)
            if done is not None:
                await repository.touch(connection, opened.found.id, *done, by, self.place.now)
            return await self.document(connection, opened.found.id, beside=beside)

        return await once(self.db, key, command)

    async def document(
        self,
        connection: Connection,
        wishlist_id: uuid.UUID,
        status: int = 200,
        *,
        beside: Mapping[str, Any] | None = None,
    ) -> Answer:
        """A list as the answer of a command; 204 when it is not there any more."""
        found = await repository.by_id(connection, wishlist_id)
        if found is None:
            return Answer(b"null", 204)
        shown = view.show(found, await repository.items(connection, self.place, [found.id]))
        return Answer(msgspec.json.encode(shown if beside is None else {**beside, "wishlist": shown}), status)

    async def put(self, opened: Open, owner: Owner, new: NewItem) -> Happened:
        """Put something on an open list. Raises WishlistLimitError, ProductNotFoundError."""
        self.check_switches(owner, new.wants_stock, new.wants_price)
        extra = rules.extra_of(new)
        self.check_extra(extra)
        merge_key = rules.merge_key(extra)
        is_there = any((i.variant_id, i.merge_key) == (new.variant_id, merge_key) for i in opened.items)
        if not is_there:
            self.check_room(len(opened.items))
        item_id, is_new = await repository.put(
            opened.connection, self.place, opened.found.id, new.variant_id, merge_key, new.quantity, extra
        )
        if item_id is None:
            raise ProductNotFoundError("There is no product variant with this id.", field="variant_id")
        if new.wants_stock or new.wants_price:
            await repository.switch(
                opened.connection, self.place, item_id, new.wants_stock or None, new.wants_price or None
            )
        data = {"item_id": str(item_id), "variant_id": str(new.variant_id), "quantity": new.quantity}
        return ("wishlist.item_added" if is_new else "wishlist.item_changed"), data

    async def opened(
        self,
        connection: Connection,
        owner: Owner,
        mine: Sequence[Wishlist],
        wishlist_id: uuid.UUID | None,
        by: By,
        *,
        makes_default: bool,
    ) -> Open:
        if wishlist_id is None and not mine and makes_default:
            await self.insert(connection, owner, mine, rules.DEFAULT_NAME, by)
            mine = await repository.lists(connection, owner)
        found = next((f for f in mine if (f.is_default if wishlist_id is None else f.id == wishlist_id)), None)
        if found is None:
            raise no_list()
        return Open(connection, found, mine, await repository.items(connection, self.place, [found.id]))

    async def insert(
        self, connection: Connection, owner: Owner, mine: Sequence[Wishlist], name: str, by: By
    ) -> uuid.UUID:
        if len(mine) >= self.settings.wishlist_max:
            raise _limit("wishlists", self.settings.wishlist_max)
        check_name(name, mine)
        made, now = uuid7(), self.place.now
        await repository.insert(connection, owner, made, name, rules.name_key(name), not mine, now)
        await repository.touch(connection, made, "wishlist.created", {"name": name, "is_default": not mine}, by, now)
        return made

    def check_extra(self, extra: Mapping[str, Any]) -> None:
        """Raise ValidationFailedError for a note or data that a cart line would not take."""
        most = self.settings.cart_note_max_chars
        if len(extra.get("note") or "") > most:
            raise ValidationFailedError.of([("note", f"At most {most} characters, not {len(extra['note'])}")])
        for name in ("attributes", "customisation"):
            size, most = len(msgspec.json.encode(extra.get(name) or {})), self.settings.cart_customisation_max_bytes
            if size > most:
                raise ValidationFailedError.of([(name, f"At most {most} bytes of JSON, not {size}")])

    def check_room(self, count: int) -> None:
        if count >= self.settings.wishlist_max_items:
            raise _limit("items", self.settings.wishlist_max_items)

    @staticmethod
    def check_switches(owner: Owner, *wanted: bool | None) -> None:
        if owner.user_id is None and any(wanted):
            raise errors.WishlistLoginRequiredError("Sign in to be told when it is there or costs less.")


def check_name(name: str, others: Sequence[Wishlist]) -> None:
    if rules.name_key(name) in {rules.name_key(other.name) for other in others}:
        raise errors.WishlistNameTakenError(f"You have a list named {name} already.", field="name")


def _limit(limit: str, maximum: int) -> errors.WishlistLimitError:
    return errors.WishlistLimitError(
        f"At most {maximum} {limit} are possible here. Take something away first.",
        details={"limit": limit, "maximum": maximum},
    )


def no_list(field: str = "wishlist_id") -> errors.WishlistNotFoundError:
    return errors.WishlistNotFoundError("There is no such wishlist of yours.", field=field)
