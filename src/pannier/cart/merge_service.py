"""Making one cart of a user's and a guest's, looking what that would come to, and taking it back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart import merge_repository as repository
from pannier.cart.errors import (
    CartMergeDisabledError,
    CurrencyMismatchError,
    MergeClosedError,
    MergeNotFoundError,
)
from pannier.cart.merge_repository import Kept, KeptLine, Pair, Undoing
from pannier.cart.merge_rows import Written, merged_item, saved_along
from pannier.cart.merge_schemas import MergeAnswer, UndoAnswer, UndoneItem
from pannier.cart.merging import (
    MergePlan,
    MergeRules,
    Room,
    Strategy,
    VariantRoom,
    merged_coupons,
    merged_metadata,
    plan,
)
from pannier.cart.models import CartOwner
from pannier.cart.repository import policy_of, read_carts
from pannier.cart.rewrite_models import LineRow, Side, line_values, room_of, tell
from pannier.cart.service import CartService
from pannier.cart.undoing import MergedLine, WantedLine, plan_undo
from pannier.cart.view import empty, show
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import hash_token, new_cart_token, uuid7
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key, once, settled
from pannier.platform.settings import Settings
from pannier.pricebook import sold_currencies

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_ENCODER = msgspec.json.Encoder()
_ANSWER = msgspec.json.Decoder(MergeAnswer)
_UNDONE = msgspec.json.Decoder(UndoAnswer)


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """Whose guest's cart becomes part of whose. Without a token, or one that finds nothing, there is nothing to do."""

    user_id: str
    token: str | None
    channel: str | None = None
    strategy: Strategy | None = None
    device: str | None = None
    correlation_id: str | None = None

    @property
    def who(self) -> dict[str, Any]:
        """Who is told to have done it."""
        return {"actor": self.user_id, "device": self.device, "correlation_id": self.correlation_id}


class MergeService:
    """Merging for one shop. It writes by the same locks in the same order as `CartService`."""

    def __init__(self, db: Database, settings: Settings, carts: CartService) -> None:
        self._db = db
        self._settings = settings
        self._carts = carts
        self._policy = policy_of(settings)

    async def merge(self, request: MergeRequest, *, key: Key | None = None) -> Answer:
        """Make one cart of the two; the answer's body is a MergeAnswer, see `decoded`.

        Doing it again finds no guest's cart and changes nothing. Raises CartMergeDisabledError and, as
        `cart_merge_currency` says, CurrencyMismatchError; nothing has changed then.
        """
        self._require_enabled()

        async def command(connection: Connection) -> Answer:
            pair = await repository.begin(connection, self._request(request), request.token, self._db.offset)
            if pair.mine is None or pair.theirs is None or pair.at is None:
                return await self._nothing(connection, request)
            return await self._carry_out(connection, request, pair.mine, pair.theirs, pair)

        # A merge finds under its own locks whether it was carried out, so it may be tried again without a key.
        return await settled(lambda: once(self._db, key, command), is_repeatable=True)

    async def preview(self, request: MergeRequest) -> MergeAnswer:
        """What `merge` would do now. Changes nothing, and refuses what that would refuse."""
        self._require_enabled()
        channel = request.channel or self._settings.channel
        async with self._db.read() as connection:
            pair = await repository.look(
                connection, request.user_id, request.token, channel, sold_currencies(self._settings), self._db.offset
            )
        cart = await self._carts.get(CartOwner(user_id=request.user_id), request.channel)
        if pair.theirs is None:
            return MergeAnswer("nothing", None, self._rules(request).strategy, [], None, cart)
        found = self._planned(request, pair.mine, pair.theirs, pair)
        return MergeAnswer(
            "preview", None, found.strategy, [merged_item(line, None) for line in found.lines], None, cart
        )

    async def merge_at_login(self, request: MergeRequest) -> list[MergeAnswer | PannierError]:
        """Merge the guest's carts of every channel, because somebody signed in; a login never fails for it.

        Answers what became of each, a refusal where one was refused. With merging switched off that is nothing.
        """
        if not self._settings.enable_cart_merge or request.token is None:
            return []
        async with self._db.read() as connection:
            channels = await repository.channels_of(connection, request.token)
        outcomes: list[MergeAnswer | PannierError] = []
        for channel in channels:
            try:
                outcomes.append(decoded(await self.merge(replace(request, channel=channel))))
            except PannierError as refusal:
                outcomes.append(refusal)
        return outcomes

    async def undo(
        self,
        request: MergeRequest,
        merge_id: uuid.UUID | None = None,
        *,
        key: Key | None = None,
    ) -> Answer:
        """Take a merge of the user's back, once; the answer's body is an UndoAnswer.

        What the shopper did since stays. Raises MergeNotFoundError, MergeClosedError, CartMergeDisabledError.
        """
        self._require_enabled()
        token = ""

        async def command(connection: Connection) -> Answer:
            nonlocal token
            found = await repository.undo_begin(
                connection, merge_id, request.user_id, request.channel or self._settings.channel, self._db.offset
            )
            if found is None:
                raise MergeNotFoundError("There is no merge of yours that could be undone.", field="merge_id")
            token = new_cart_token()
            return await self._take_back(connection, request, found, self._undoable(found), token)

        answer = await once(self._db, key, command)
        if answer.is_replay:
            return answer
        # Not in the answer that is kept under the key: secrets are stored hashed.
        told = msgspec.structs.replace(_UNDONE.decode(answer.body), cart_token=token)
        return Answer(_ENCODER.encode(told))

    def _require_enabled(self) -> None:
        if not self._settings.enable_cart_merge:
            raise CartMergeDisabledError(
                "This shop leaves the carts of guests and users apart. Use the guest's cart by its token."
            )

    def _rules(self, request: MergeRequest) -> MergeRules:
        settings = self._settings
        return MergeRules(
            request.strategy or settings.cart_merge,
            settings.cart_merge_price,
            settings.cart_merge_currency,
            settings.cart_note_max_chars,
        )

    def _planned(self, request: MergeRequest, mine: Side | None, theirs: Side, pair: Pair) -> MergePlan:
        sold = sold_currencies(self._settings)
        currency = theirs.currency if theirs.currency in sold else sold[0]
        if mine is not None:
            currency = mine.currency
        found = plan(
            mine.rules_lines if mine is not None else [],
            theirs.rules_lines,
            room_of(pair.room, self._settings),
            self._rules(request),
            is_same_currency=currency == theirs.currency,
        )
        if found.is_refused:
            raise CurrencyMismatchError(
                f"The guest's cart is in {theirs.currency}, yours in {currency}: both stay as they are.",
                field="cart_token",
                details={"currency": currency, "guest_currency": theirs.currency},
            )
        return found

    async def _nothing(self, connection: Connection, request: MergeRequest) -> Answer:
        # On the command's own connection: to wait for a second one while a first is held can be to wait for ever.
        owner, channel = CartOwner(user_id=request.user_id), request.channel or self._settings.channel
        (document,) = await read_carts(connection, [(owner, channel)], self._db.offset)
        if document is None:
            cart = empty(self._carts.rules, request.user_id, channel)
        else:
            cart = show(document, await self._carts.rules_of(document))
        return Answer(_ENCODER.encode(MergeAnswer("nothing", None, self._rules(request).strategy, [], None, cart)))

    async def _carry_out(
        self, connection: Connection, request: MergeRequest, mine: Side, theirs: Side, pair: Pair
    ) -> Answer:
        assert pair.at is not None
        found = self._planned(request, mine, theirs, pair)
        rules = self._rules(request).settled(not mine.lines)
        merge_id = uuid7()
        written = Written.of(found, mine, theirs)
        metadata = merged_metadata(mine.metadata, theirs.metadata, rules)
        coupons = merged_coupons(mine.coupons, theirs.coupons)
        items = [merged_item(line, written.ids.get(line.line.identity)) for line in found.lines]
        kept = Kept(written.kept, theirs.saved, mine.metadata, metadata, mine.coupons, coupons)
        values = {
            "id": merge_id,
            "user_id": request.user_id,
            "mine": mine.id,
            "theirs": theirs.id,
            "lines": written.lines,
            "saved": [*written.saved, *(saved_along(row) for row in theirs.saved)],
            "metadata": metadata,
            "coupons": coupons,
            "kept": kept,
            "tell": tell(
                "cart.merged",
                request.who,
                sorted(mine.variants | theirs.variants),
                uuid7(),
                merge_id=merge_id,
                from_cart_id=theirs.id,
                strategy=found.strategy,
                items=items,
            ),
            "tell_theirs": tell("cart.merged_into", {}, [], uuid7(), merge_id=merge_id, into_cart_id=mine.id),
        }
        document = await repository.apply(connection, values, self._policy, pair.at)
        until = pair.at + timedelta(hours=self._settings.cart_merge_undo_hours)
        cart = show(document, await self._carts.rules_of(document))
        answer = MergeAnswer("merged", merge_id, found.strategy, items, until.isoformat(), cart)
        return Answer(_ENCODER.encode(answer))

    def _undoable(self, found: Undoing) -> Side:
        """The user's cart, when the merge may still be undone."""
        until = found.merge.at + timedelta(hours=self._settings.cart_merge_undo_hours)
        if found.merge.undone_at is not None:
            reason, text = "undone", "This merge was undone already."
        elif found.at >= until:
            reason, text = "too_old", f"This merge could be undone until {until.isoformat()}."
        elif found.mine is None or found.theirs.status != "merged":
            reason, text = "cart_closed", "The cart it made has become an order or is closed."
        else:
            return found.mine
        raise MergeClosedError(text, details={"reason": reason, "merge_id": str(found.merge.id)})

    async def _take_back(
        self, connection: Connection, request: MergeRequest, found: Undoing, mine: Side, token: str
    ) -> Answer:
        kept, theirs = found.merge.kept, found.theirs
        saved = {row.identity: row.quantity for row in mine.saved}
        lines = plan_undo(
            [_merged_line(line) for line in kept.lines],
            mine.rules_lines,
            saved,
            _less(room_of(found.room, self._settings), theirs.lines),
        )
        added = {row.id: row.added_at for row in mine.lines}
        variants = sorted(mine.variants | theirs.variants | {line.line.variant_id for line in lines})
        values = {
            "id": found.merge.id,
            "mine": mine.id,
            "theirs": theirs.id,
            "token": hash_token(token).hex(),
            "lines": [line_values(line.line, line.quantity, added_at=added.get(line.line.id)) for line in lines],
            "saved": [
                *(line_values(line.line, line.saved) for line in lines if line.saved),
                *(line_values(row.line, -row.quantity) for row in kept.saved),
            ],
            "metadata": _metadata_taken_back(kept, mine.metadata),
            "coupons": _coupons_taken_back(kept, mine.coupons),
            "tell": tell("cart.merge_undone", request.who, variants, uuid7(), merge_id=found.merge.id),
            "tell_theirs": tell(
                "cart.reopened", request.who, sorted(theirs.variants), uuid7(), merge_id=found.merge.id
            ),
        }
        document, guest, missing = await repository.undo_apply(connection, values, self._policy, found.at)
        answer = UndoAnswer(
            found.merge.id,
            show(document, await self._carts.rules_of(document)),
            show(guest, await self._carts.rules_of(guest)),
            None,
            [*_missing_of_user(lines), *(UndoneItem("guest", uuid.UUID(v), n, "stock") for v, n in missing.items())],
        )
        return Answer(_ENCODER.encode(answer))

    def _request(self, request: MergeRequest) -> dict[str, Any]:
        return {
            "user_id": request.user_id,
            "channel": request.channel or self._settings.channel,
            "currency": self._settings.currency,
            "sold": sold_currencies(self._settings),
            "new_cart_id": uuid7(),
        }


def decoded(answer: Answer) -> MergeAnswer:
    """The answer of a merge as an object."""
    return _ANSWER.decode(answer.body)


def _merged_line(kept: KeptLine) -> MergedLine:
    known = kept.before or kept.after
    assert known is not None
    return MergedLine(
        known.line,
        None if kept.before is None else kept.before.line,
        None if kept.after is None or not kept.after.quantity else kept.after.line,
        kept.set_aside,
    )


def _less(room: Room, guest: Sequence[LineRow]) -> Room:
    """What is there for the user's lines once the guest's have theirs."""
    variants = dict(room.variants)
    for row in guest:
        of = variants.get(row.variant_id, VariantRoom(is_sellable=False))
        if of.available is not None:
            variants[row.variant_id] = replace(of, available=max(0, of.available - row.quantity))
    return replace(room, variants=variants)


def _metadata_taken_back(kept: Kept, now: Mapping[str, Any]) -> dict[str, Any]:
    before, after = kept.metadata_before, kept.metadata_after
    restored = {key: value for key, value in now.items() if key not in after or value != after[key]}
    untouched = {key: before[key] for key in before if key in now and now[key] == after.get(key)}
    return {**untouched, **restored}


def _coupons_taken_back(kept: Kept, now: Sequence[str]) -> list[str]:
    came = set(kept.coupons_after) - set(kept.coupons_before)
    return [code for code in now if code not in came]


def _missing_of_user(lines: Sequence[WantedLine]) -> list[UndoneItem]:
    return [
        UndoneItem("user", line.line.variant_id, line.missing, line.reason or "stock") for line in lines if line.missing
    ]
