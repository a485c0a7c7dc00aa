"""From a wishlist to the cart and back: composed here, since neither knows the other.

Each is two transactions, and between them nothing is lost: what comes into the cart leaves the list afterwards, what
comes onto the list leaves the cart afterwards, and a request that is repeated under its key finds what was done.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from pannier.cart import (
    CartOwner,
    CartService,
    Change,
    ChangeResult,
    Command,
    ItemNotFoundError,
    LineDocument,
    Outcome,
    add,
    shortage,
)
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key, begin
from pannier.platform.principal import Principal
from pannier.wishlist import Asker as Wisher
from pannier.wishlist import (
    Item,
    NewItem,
    Open,
    WishlistItemNotFoundError,
    WishlistService,
    change_item,
    delete_items,
    kept,
)

# A blank keeps the records of the steps apart from that of the whole, and from those of other requests.
_CART_KEY, _LIST_KEY = "wish ", "from cart "


@dataclass(frozen=True, slots=True)
class Wished:
    """The answer to the request, and what the cart's write came to: a guest may have got a token by it."""

    answer: Answer
    outcome: Outcome | None = None


class CartGuestTokens:
    """A guest's token is the cart's: whoever begins with a wishlist gets an empty cart that knows it."""

    def __init__(self, carts: CartService) -> None:
        self._carts = carts

    async def __call__(self, principal: Principal, *, is_known: bool) -> str:
        token = principal.cart_token
        if token is not None and await self._carts.find(CartOwner(token=token)) is not None:
            return token
        is_own = is_known or principal.token_source == "bearer"  # noqa: S105 - says where the token came from, is none
        owner = CartOwner(token=token, fresh_token=None if is_own and token is not None else new_cart_token())
        opened = Command(owner, "cart.opened", [Change(op="metadata", values={})], device=principal.device)
        outcome = await self._carts.apply(opened)
        made = outcome.token or token
        assert made is not None
        return made


class WishingService:
    """Moves and copies between the wishlists and carts of one shop."""

    def __init__(self, db: Database, carts: CartService, wishlists: WishlistService) -> None:
        self._db = db
        self._carts = carts
        self._wishlists = wishlists

    async def to_cart(
        self,
        wisher: Wisher,
        wishlist_id: uuid.UUID | None,
        command: Command,
        *,
        item_ids: Sequence[uuid.UUID] | None = None,
        quantity: int | None = None,
        is_copy: bool = False,
        key: Key | None = None,
    ) -> Wished:
        """Add items of a list to the cart, all of them where none is named; what comes in leaves the list.

        `command` says whose cart; with `is_atomic` one refusal refuses all. The answer's body has `results`, one for
        each item in the list's order, `cart` and `wishlist`. Raises the refusals of both.
        """
        known = await self._known(key)
        if known is not None:
            return Wished(known)
        found, items = await self._wishlists.open(wisher.owner, wishlist_id)
        chosen = [item for item in items if item_ids is None or item.id in item_ids]
        if item_ids is not None and len(chosen) < len(set(item_ids)):
            raise WishlistItemNotFoundError("The list has no such item, or no longer.", field="item_ids")
        if not chosen:
            return Wished(await self._after(wisher, found.id, [], [], None, key=key, is_copy=True))
        changes = [_change(item, quantity or item.quantity) for item in chosen]
        outcome = await self._carts.apply(replace(command, changes=changes, **_step(key, _CART_KEY)))
        pairs = [
            (i, r) for i, r in zip(chosen, outcome.answer.results, strict=False) if r.variant_id == str(i.variant_id)
        ]
        results = [_result(item, result) for item, result in pairs]
        return Wished(await self._after(wisher, found.id, pairs, results, outcome, key=key, is_copy=is_copy), outcome)

    async def from_cart(
        self,
        wisher: Wisher,
        wishlist_id: uuid.UUID | None,
        line_id: uuid.UUID,
        command: Command,
        *,
        is_copy: bool = False,
        key: Key | None = None,
    ) -> Wished:
        """Put a line of the cart, or one saved for later, on a list, and take it out of the cart.

        Raises ItemNotFoundError, and the refusals of the list.
        """
        known = await self._known(key)
        if known is not None:
            return Wished(known)
        list_key = None if key is None else replace(key, key=_LIST_KEY + key.key)
        line = await self._line(command, line_id)
        if line is None and await self._known(list_key) is None:
            raise ItemNotFoundError("That item is not, or no longer, in the cart.", field="item_id")
        if line is not None:
            await self._wishlists.add(wisher.owner, wishlist_id, _wish(line), wisher.by, key=list_key)
        outcome = None
        if line is not None and not is_copy:
            removal = [Change(op="remove", line_id=line_id)]
            outcome = await self._carts.apply(replace(command, changes=removal, **_step(key, _CART_KEY)))
        cart = await self._carts.get(command.owner, command.channel) if outcome is None else outcome.cart

        async def act(_: Open) -> None:
            return None

        beside = {"cart": msgspec.to_builtins(cart)}
        answer = await self._wishlists.change(wisher.owner, wishlist_id, wisher.by, act, key=key, beside=beside)
        return Wished(answer, outcome)

    async def _known(self, key: Key | None) -> Answer | None:
        """The answer that a key has already."""
        return None if key is None else await self._db.write(lambda connection: begin(connection, key))

    async def _line(self, command: Command, line_id: uuid.UUID) -> LineDocument | None:
        document = await self._carts.find(command.owner, command.channel)
        lines = [] if document is None else [*(document.lines or ()), *(document.saved or ())]
        return next((line for line in lines if line.id == line_id), None)

    async def _after(
        self,
        wisher: Wisher,
        wishlist_id: uuid.UUID,
        pairs: Sequence[tuple[Item, ChangeResult]],
        results: Sequence[Mapping[str, Any]],
        outcome: Outcome | None,
        *,
        key: Key | None,
        is_copy: bool,
    ) -> Answer:
        """What came into the cart leaves the list; of what came in part, the rest stays."""

        async def act(opened: Open) -> tuple[str, dict[str, Any]] | None:
            there = {item.id: item for item in opened.items}
            gone = []
            for item, result in pairs:
                left = item.quantity - _moved(result)
                if is_copy or result.outcome != "OK" or item.id not in there:
                    continue
                if left > 0 and result.details and "requested" in result.details:
                    await change_item(opened.connection, item, left, item.extra, self._wishlists.place.now)
                else:
                    gone.append(there[item.id])
            await delete_items(opened.connection, [item.id for item in gone])
            told = [{**kept(item), "variant_id": str(item.variant_id)} for item in gone]
            return ("wishlist.items_moved_to_cart", {"items": told}) if gone else None

        cart = outcome.cart if outcome is not None else await self._carts.get(_cart_owner(wisher))
        beside = {"results": list(results), "cart": msgspec.to_builtins(cart)}
        return await self._wishlists.change(wisher.owner, wishlist_id, wisher.by, act, key=key, beside=beside)


def _change(item: Item, quantity: int) -> Change:
    extra = item.extra
    return add(
        item.variant_id,
        quantity,
        attributes=extra.get("attributes"),
        note=extra.get("note"),
        customisation=extra.get("customisation"),
    )


def _wish(line: LineDocument) -> NewItem:
    extra = line.extra or {}
    return NewItem(
        variant_id=uuid.UUID(line.variant_id),
        quantity=line.quantity,
        note=extra.get("note"),
        attributes=extra.get("attributes"),
        customisation=extra.get("customisation"),
    )


def _result(item: Item, result: ChangeResult) -> dict[str, Any]:
    is_in = result.outcome == "OK"
    return {
        "item_id": item.id,
        "variant_id": item.variant_id,
        "ok": is_in,
        "cart_item_id": result.line_id if is_in else None,
        "quantity": _moved(result),
        "error": None if is_in else result.outcome,
        "message": None if is_in else _why_not(result),
        "details": result.details,
    }


def _why_not(result: ChangeResult) -> str:
    details = result.details or {}
    if result.outcome == "INSUFFICIENT_STOCK":
        return shortage(details["available"], details.get("more", details["available"]))
    if result.outcome == "LIMIT_EXCEEDED":
        return f"At most {details.get('maximum')} are possible in the cart ({details.get('limit')})."
    if result.outcome == "CURRENCY_MISMATCH":
        return f"It has no price in {details.get('currency')}."
    return "It is not for sale at the moment."


def _moved(result: ChangeResult) -> int:
    return (result.after or 0) - (result.before or 0)


def _step(key: Key | None, prefix: str) -> dict[str, Any]:
    return {} if key is None else {"idempotency_key": prefix + key.key, "request_hash": key.request_hash}


def _cart_owner(wisher: Wisher) -> CartOwner:
    return CartOwner(user_id=wisher.owner.user_id, token=wisher.owner.token)
