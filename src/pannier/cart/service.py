"""Reading and changing carts: everything goes through two batchers, so that whoever waits shares a statement."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg
import msgspec

from pannier.cart import repository
from pannier.cart.abroad import check_currency, check_sold
from pannier.cart.asking import AskedPrices
from pannier.cart.basket import request_of
from pannier.cart.charged import ViewRules, is_for_sale
from pannier.cart.document import Answer, CartDocument
from pannier.cart.errors import (
    CartNotFoundError,
    CartVersionMismatchError,
    ChangesNotShownError,
    FeatureDisabledError,
    refusal,
)
from pannier.cart.models import QUANTITY_MAX, CartOwner, Change, Command
from pannier.cart.read_model import Cart, CartDelta
from pannier.cart.repository import Applied
from pannier.cart.validation import Limits, Validation, accepting, validate
from pannier.cart.view import empty, show, show_delta
from pannier.inventory import InsufficientStockError
from pannier.platform.batching import Batcher
from pannier.platform.database import CONNECTION_LOST, RETRIES_MAX, SETTLE_S, Database, unavailable
from pannier.platform.principal import LoginRequiredError
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse, open_house
from pannier.pricing import Around, BasketRequest

_RETRY = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# Waited too long for a lock, or worked too long: taken back as a whole. Of a batch, each is then tried alone.
_TOO_LATE = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to. `token` is the guest's new token, when the cart was made under one."""

    #: With `delta`: only the lines that changed, and totals of these alone.
    cart: Cart
    answer: Answer
    is_replay: bool
    token: str | None
    #: What to answer where no more than the changes was asked for.
    delta: CartDelta | None = None


class CartService:
    """The carts of one shop."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        house: PriceHouse | None = None,
        *,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._house = house = house or open_house(db, settings)
        self._asked = AskedPrices(db, settings, house)
        self._rules = ViewRules.from_settings(settings, house.newest)
        self._limits = Limits(settings.cart_max_quantity_per_item, settings.cart_max_items)
        self._seen: set[str] = set()
        size, lanes = settings.batch_size_max, settings.batch_lanes or (2 if settings.workers == 1 else 1)
        self._reads: Batcher[tuple[CartOwner, str], CartDocument | None] = Batcher(
            # Reads wait for no disk, so a second statement under way would only halve the batches.
            self._read,
            size_max=size,
            lanes=1,
            on_batch=on_batch,
        )
        self._writes: Batcher[Command, Applied | Exception] = Batcher(
            self._write, size_max=size, lanes=lanes, on_batch=on_batch
        )

    @property
    def rules(self) -> ViewRules:
        """By which carts are shown, with the newest prices that are known here."""
        if self._rules.prices is not self._house.newest:
            self._rules = replace(self._rules, prices=self._house.newest)
        return self._rules

    async def rules_of(self, document: CartDocument) -> ViewRules:
        """By which a document is shown: with prices no older than it."""
        rules = await self.rules_at(document.price_revision)
        prices = rules.prices.of(document.currency)
        return rules if prices is rules.prices else replace(rules, prices=prices)

    async def rules_at(self, revision: int) -> ViewRules:
        """By which carts are shown at a revision of the shop's prices, or a newer one."""
        prices = self._house.known(revision)
        if prices is None:
            prices = await self._house.at(revision)
        rules = self.rules
        return rules if prices is rules.prices else replace(rules, prices=prices)

    async def get(self, owner: CartOwner, channel: str | None = None, *, explains: bool = False) -> Cart:
        """The owner's open cart, or an empty one of version 0. Writes nothing."""
        document = await self.find(owner, channel)
        if document is None:
            return empty(self.rules, owner.user_id, channel)
        return show(document, await self.rules_of(document), explains=explains)

    async def of_id(self, owner: CartOwner, cart_id: uuid.UUID, channel: str | None = None) -> Cart:
        """The owner's open cart, where it is the one with this id. Raises CartNotFoundError for any other."""
        cart = await self.get(owner, channel)
        if cart.id != str(cart_id):
            raise CartNotFoundError("There is no such cart of yours.", field="cart_id")
        return cart

    async def basket(self, owner: CartOwner, channel: str | None = None) -> BasketRequest:
        """What pricing is asked for the owner's open cart: by `pricing.quote` every figure of it, down to the unit.

        Without a cart it is an empty basket. Lines that the shop leaves out of its totals are not in it.
        """
        document = await self.find(owner, channel)
        if document is None:
            around = Around(self._db.clock.now(), channel=channel or self._settings.channel)
            return self.rules.prices.request((), around)
        rules = await self.rules_of(document)
        lines = [line for line in document.lines or () if rules.counts_unavailable or is_for_sale(line)]
        return request_of(document, lines, rules)

    async def find(self, owner: CartOwner, channel: str | None = None) -> CartDocument | None:
        """The owner's open cart as it is stored."""
        if not owner.is_known:
            return None
        channel = channel or self._settings.channel
        # Readers of one cart need not wait for each other, so the key is the request's own.
        document = await self._reads.submit(object(), (owner, channel))
        if document is not None:
            self._note_activity(document)
        return document

    async def validate(self, owner: CartOwner, channel: str | None = None) -> Validation:
        """What stands against buying the cart as it is. Raises FeatureDisabledError where the shop does not look."""
        self._require_validation()
        return await self._validated(await self.find(owner, channel))

    async def accept_changes(self, command: Command, token: str) -> Outcome:
        """Carry out what agreeing to a validation comes to; `command` says who, without changes.

        Raises ChangesNotShownError when the token is not of what there is now. With nothing left to agree to the
        cart is answered as it is, so that a request may be repeated.
        """
        self._require_validation()
        document = await self.find(command.owner, command.channel)
        found = await self._validated(document)
        if document is None or not found.needs_consent:
            cart = await self.get(command.owner, command.channel)
            return Outcome(cart, Answer("OK"), False, None)
        if found.consent_token != token:
            raise _not_shown(found, None)
        # What is agreed to is this version; a change meanwhile may be another price.
        changes = accepting(document, found.findings, await self.rules_of(document))
        try:
            return await self.apply(replace(command, changes=changes, if_match=document.version))
        except (CartVersionMismatchError, ChangesNotShownError, InsufficientStockError) as refused:
            if command.if_match is not None and command.if_match != document.version:
                raise
            found = await self.validate(command.owner, command.channel)
            raise _not_shown(found, refused.cart) from refused

    async def _validated(self, document: CartDocument | None) -> Validation:
        rules = self.rules if document is None else await self.rules_of(document)
        return validate(document, rules, self._limits)

    async def reserve(self, command: Command, ttl: timedelta | None = None) -> Outcome:
        """Have every unit of the cart held for `ttl`, in place of what was held for it before; `command` says whose.

        All or nothing: raises InsufficientStockError, and what was held stays held. FeatureDisabledError where the
        shop does not offer it. What has no bound needs no hold.
        """
        if not self._settings.enable_cart_reserve:
            raise FeatureDisabledError(
                "This shop holds no carts on demand.", details={"setting": "PANNIER_ENABLE_CART_RESERVE"}
            )
        seconds = self._settings.hold_ttl_s if ttl is None else ttl.total_seconds()
        change = Change(op="reserve", ttl=f"{seconds:.3f} seconds")
        return await self.apply(replace(command, changes=[change]))

    async def refresh(self, command: Command) -> Outcome:
        """Save for later every line that can no longer be had in full; `command` says whose, without changes.

        The outcome's results name the lines. A cart in which all can be had is answered as it is.
        """
        document = await self.find(command.owner, command.channel)
        found = (await self._validated(document)).findings
        short = [f for f in found if f.code == "INSUFFICIENT_STOCK" and f.item_id is not None]
        if document is None or not short:
            return Outcome(await self.get(command.owner, command.channel), Answer("OK"), False, None)
        changes = [Change(op="save", line_id=f.item_id, reason="out_of_stock") for f in short if f.item_id is not None]
        return await self.apply(replace(command, changes=changes, if_match=document.version))

    def _require_validation(self) -> None:
        if not self._settings.enable_cart_validation:
            raise FeatureDisabledError(
                "This shop does not validate carts.", details={"setting": "PANNIER_ENABLE_CART_VALIDATION"}
            )

    async def apply(self, command: Command) -> Outcome:
        """Carry the command out, exactly once when it has an idempotency key.

        Raises the refusals of `errors.py`, each with the current cart; DatabaseUnavailableError when the outcome
        is not known, which is only so without a key.
        """
        check_sold(command.currency, self._settings)
        if command.currency is not None and not command.is_aside:
            check_currency(command.currency, await self.find(command.owner, command.channel))
        command = self._checked(command)
        if command.is_minimal and not self._house.newest.is_plain:
            # What promotions make of some lines depends on all of them.
            command = replace(command, is_minimal=False)
        key = (command.owner.digest, command.channel or self._settings.channel)
        applied = await self._writes.submit(key, command)
        if isinstance(applied, Exception):
            raise applied
        if applied.answer is None:
            raise refusal(applied.outcome, None)
        answer, delta = applied.answer, None
        if answer.cart is None:
            cart = empty(self.rules, command.owner.user_id, command.channel)
        else:
            rules = await self.rules_of(answer.cart)
            cart = show(answer.cart, rules, answer.results)
            # A replay answers what was asked for then.
            if answer.cart.counts is not None:
                delta = show_delta(answer.cart, rules, answer.results)
        if answer.outcome != "OK":
            raise self._refused(answer, delta or cart, applied.is_replay)
        is_new_token = answer.fresh or (not command.owner.is_known and answer.cart is not None)
        return Outcome(cart, answer, applied.is_replay, command.owner.fresh_token if is_new_token else None, delta)

    async def expire_due(self, batch: int = 200) -> int:
        """Close carts whose time is up, batch by batch; answers how many."""
        closed = 0
        while count := await self._db.write(
            lambda conn: repository.expire_due(conn, batch, self._db.offset), self._db.job_patience_s
        ):
            closed += count
            if count < batch:
                break
        return closed

    async def call_abandoned(self, batch: int = 200) -> int:
        """Call carts abandoned that nobody has written to for so long; answers how many. Once each, with an event."""
        after = timedelta(hours=self._settings.cart_abandoned_after_hours)
        abandoned = 0
        while after:
            looked_at, found = await self._db.write(
                lambda conn: repository.idle_due(conn, batch, after, self._db.offset)
            )
            abandoned += found
            if looked_at < batch:
                break
        return abandoned

    async def warn_of_expiry(self, batch: int = 200) -> int:
        """Tell of carts that are about to expire, once for each moment of expiry; answers how many."""
        ahead = timedelta(hours=self._settings.cart_expiry_warning_hours)
        warned = 0
        while ahead and (
            count := await self._db.write(lambda conn: repository.warn_due(conn, batch, ahead, self._db.offset))
        ):
            warned += count
            if count < batch:
                break
        return warned

    async def touch_seen(self) -> int:
        """Move the expiry of carts that were read since the last call, those that it is a day behind."""
        seen, self._seen = self._seen, set()
        if seen:
            await self._db.write(
                lambda conn: repository.touch(conn, seen, self._settings, self._db.offset), self._db.job_patience_s
            )
        return len(seen)

    def _note_activity(self, document: CartDocument) -> None:
        """Reads never write; but a cart that is looked at every day does not expire, see `touch_seen`."""
        # A cart that was written to today has its time, and most carts that are read were.
        if document.expires_at == "infinity" or document.updated_at[:10] == document.read_at[:10]:
            return
        days = self._settings.cart_session_ttl_days if document.user_id is None else self._settings.cart_user_ttl_days
        left = datetime.fromisoformat(document.expires_at) - datetime.fromisoformat(document.read_at)
        if left < timedelta(days=days) - min(timedelta(days=1), timedelta(days=days) / 2):
            self._seen.add(document.id)

    async def drain(self) -> None:
        """Return when every change that was begun is done."""
        await self._writes.drain()

    def _checked(self, command: Command) -> Command:
        """The command with changes that ask for no possible quantity marked so: what is not there is told first."""
        if command.owner.user_id is None and not self._settings.enable_guest_carts:
            raise LoginRequiredError("Sign in to use a cart: this shop has none for guests.")
        checked = [self._checked_quantity(change) for change in command.changes]
        return command if checked == list(command.changes) else replace(command, changes=checked)

    def _checked_quantity(self, change: Change) -> Change:
        least = 0 if change.op == "set" else 1
        if change.op == "add" and self._settings.negative_add == "lower" and change.quantity:
            least = -QUANTITY_MAX
        if change.quantity is None or least <= change.quantity <= QUANTITY_MAX:
            return change
        details: dict[str, object] = {"requested": change.quantity, "minimum": least, "maximum": QUANTITY_MAX}
        if change.op in {"add", "set"}:
            return replace(change, quantity=1, invalid=details)
        raise refusal("INVALID_QUANTITY", details)

    @staticmethod
    def _refused(answer: Answer, cart: Cart | CartDelta, is_replay: bool) -> Exception:
        details: dict[str, object] = dict(answer.details or {})
        if answer.results:
            last = answer.results[-1]
            details.update(last.details or {})
            if len(answer.results) > 1 or last.variant_id is not None:
                details["variant_id"] = last.variant_id
            if len(answer.results) > 1:
                details["index"] = len(answer.results) - 1
        error = refusal(answer.outcome, details, cart)
        if is_replay:
            error.headers["Idempotent-Replayed"] = "true"
        return error

    async def _read(self, owners: Sequence[tuple[CartOwner, str]]) -> list[CartDocument | None]:
        for attempt in range(2):
            try:
                async with self._db.acquire() as connection:
                    return await repository.read_carts(connection, owners, self._db.offset)
            except CONNECTION_LOST as lost:
                if attempt:
                    raise unavailable(lost) from lost
        raise AssertionError("the last attempt returns or raises")

    async def _write(self, commands: Sequence[Command]) -> Sequence[Applied | Exception]:
        for attempt in range(RETRIES_MAX):
            try:
                if attempt:
                    await self._asked.look_again()
                return await self._apply(commands)
            except _RETRY as again:
                self._db.retries += 1
                if attempt == RETRIES_MAX - 1:
                    raise unavailable(again) from again
                await asyncio.sleep(0.005 * 2**attempt)
            except _TOO_LATE as late:
                raise unavailable(late) from late
            except CONNECTION_LOST as lost:
                return await asyncio.gather(*(self._settle(command, lost) for command in commands))
        raise AssertionError("the last attempt returns or raises")

    async def _apply(self, commands: Sequence[Command]) -> list[Applied | Exception]:
        commands, policy = await self._asked.on(commands)
        async with self._db.acquire() as connection:
            return await repository.apply_commands(connection, commands, self._settings, policy, self._db.offset)

    async def _settle(self, command: Command, lost: BaseException) -> Applied | Exception:
        """The connection went while the command was under way. With a key, asking again tells what became of it:
        the record was written with the change or not at all. Without one nobody can know, so nobody guesses."""
        if command.idempotency_key is None or not command.owner.is_known:
            return unavailable(lost)
        give_up_at = asyncio.get_running_loop().time() + SETTLE_S
        for attempt in range(RETRIES_MAX):
            await asyncio.sleep(0.05 * 2**attempt)
            if asyncio.get_running_loop().time() > give_up_at:
                break
            try:
                applied = (await self._apply([command]))[0]
            except (*CONNECTION_LOST, *_RETRY, *_TOO_LATE):
                continue
            # The server may still be busy with what it has not noticed to be abandoned.
            if isinstance(applied, Exception) or applied.outcome != "IDEMPOTENCY_IN_FLIGHT":
                return applied
        return unavailable(lost)


def _not_shown(found: Validation, cart: object) -> ChangesNotShownError:
    return ChangesNotShownError(
        "Something has changed again since it was shown. Look at it, and accept what there is now.",
        field="consent_token",
        details={"validation": msgspec.to_builtins(found)},
        cart=cart,
    )
