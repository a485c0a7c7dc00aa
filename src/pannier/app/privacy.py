"""Everything that is known of a customer, to be given out or to be forgotten: put together from all capabilities.

A capability with something of a customer's adds one line to `HOLDERS`; a test looks for tables that nobody answers for.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from pannier.accounts import AccountService, NotBuiltInError, PeopleService, claim_erasure, erase
from pannier.cart import HistoryService, erase_history
from pannier.kernel.ids import uuid7
from pannier.orders import all_of as orders_of
from pannier.orders import forget as forget_orders
from pannier.orders import show as show_order
from pannier.payments import export_payments, forget_payer
from pannier.platform.database import Connection, Database
from pannier.platform.idempotency import owner_of_user
from pannier.platform.principal import Principal
from pannier.promotions import export_customer, forget_customer
from pannier.tax import export_checks, forget_checks
from pannier.wishlist import export as export_wishlists
from pannier.wishlist import forget as forget_wishlists

ERASE_INTERVAL_S = 60.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """One part of what is held of a customer. `tables` are those it answers for.

    `export(connection, user_id)` answers plain values; `forget(connection, user_id, alias, now)` runs in one
    transaction with all the others'.
    """

    name: str
    tables: tuple[str, ...]
    export: Callable[[Connection, str], Awaitable[Any]]
    forget: Callable[[Connection, str, str, datetime], Awaitable[object]]


async def _export_answers(connection: Connection, user_id: str) -> Any:
    """Copies of what stands elsewhere, kept for a day: told there."""
    return await connection.fetchval("select count(*) from idempotency_record where owner = $1", owner_of_user(user_id))


async def _forget_answers(connection: Connection, user_id: str, alias: str, now: datetime) -> None:  # noqa: ARG001 - as every holder's
    """Answers to the user's own keys, to those of the guest they were, and to theirs through links to others' carts."""
    await connection.execute(
        """
        with owners as materialized (
          select $2::bytea as owner
          union select c.token_hash from cart c
           where c.user_id = $1 or c.id in (select m.source_cart_id from cart_merge m where m.user_id = $1)
          union select o.token_hash from orders o where o.user_id = $1
        ), visited as (
          select e.aggregate_id as id from event e where e.actor = $1 and e.aggregate_kind = 'cart'
          union select h.cart_id from cart_history h where h.actor = $1
        )
        delete from idempotency_record i where i.owner in (
          select owner from owners where owner is not null
          union select sha256('share:'::bytea || uuid_send(s.id) || o.owner)
            from cart_share s join visited v on v.id = s.cart_id cross join owners o where o.owner is not null)
        """,
        user_id,
        owner_of_user(user_id),
    )


async def _export_carts(connection: Connection, user_id: str) -> Any:
    rows = await connection.fetch(
        """
        select c.id, c.status::text as status, c.currency, c.channel, c.metadata, c.created_at, c.updated_at,
               (select coalesce(jsonb_agg(to_jsonb(s) - 'cart_id' order by s.id), '[]')
                  from saved_line s where s.cart_id = c.id) as saved_items,
               (select coalesce(jsonb_agg(jsonb_build_object('variant_id', l.variant_id, 'quantity', l.quantity,
                  'extra', l.extra, 'unit_price_minor', l.unit_price_minor, 'added_at', l.added_at)
                    order by l.id), '[]')
                  from cart_line l where l.cart_id = c.id) as items
          from cart c where c.user_id = $1 order by c.id
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def _forget_carts(connection: Connection, user_id: str, alias: str, now: datetime) -> None:
    # Those that were merged into them, too: by now their merges stand under the alias.
    rows = await connection.fetch(
        "select id from cart where user_id = $1 or id in (select source_cart_id from cart_merge where user_id = $2)"
        " order by id for update",
        user_id,
        alias,
    )
    carts = [row["id"] for row in rows]
    await connection.execute("update cart_line set extra = null where cart_id = any($1) and extra is not null", carts)
    await connection.execute("delete from cart_share where cart_id = any($1)", carts)
    await connection.execute("delete from saved_line where cart_id = any($1)", carts)
    # An open one runs out at once: the clean-up closes it and gives its units back.
    await connection.execute(
        "update cart set user_id = case when user_id is not null then $2 end, metadata = '{}',"
        " expires_at = least(expires_at, $3) where id = any($1)",
        carts,
        alias,
        now,
    )
    await connection.execute(
        "update checkout set email = null, note = null, shipping_address = null, billing_address = null,"
        " metadata = '{}', draft = null where cart_id = any($1)",
        carts,
    )


async def _export_history(connection: Connection, user_id: str) -> Any:
    rows = await connection.fetch(
        "select cart_id, version, type, device, at from cart_history where actor = $1 order by at, cart_id, version",
        user_id,
    )
    return [dict(row) for row in rows]


async def _forget_history_of_carts(connection: Connection, user_id: str, alias: str, now: datetime) -> None:
    await erase_history(connection, user_id, alias, now - now)


async def _export_orders(connection: Connection, user_id: str) -> Any:
    return [show_order(order) for order in await orders_of(connection, user_id)]


async def _export_payments(connection: Connection, user_id: str) -> Any:
    return await export_payments(connection, [order.id for order in await orders_of(connection, user_id)])


async def _forget_payments(connection: Connection, user_id: str, alias: str, now: datetime) -> None:  # noqa: ARG001 - as every holder's
    await forget_payer(connection, user_id, alias)


async def _export_nothing(connection: Connection, user_id: str) -> Any:
    """The same events by which carts and orders came to what they are: told there."""
    return await connection.fetchval("select count(*) from event where actor = $1", user_id)


async def _forget_history(connection: Connection, user_id: str, alias: str, now: datetime) -> None:  # noqa: ARG001 - as every holder's
    """Histories keep what happened and lose who it was."""
    await connection.execute("update event set actor = $2, device = null where actor = $1", user_id, alias)
    await connection.execute("update stock_movement set actor = $2, device = null where actor = $1", user_id, alias)
    await connection.execute("update price_history set actor = $2 where actor = $1", user_id, alias)


async def _export_tax_ids(connection: Connection, user_id: str) -> Any:
    return await export_checks(connection, user_id)


async def _forget_tax_ids(connection: Connection, user_id: str, alias: str, now: datetime) -> None:  # noqa: ARG001 - as every holder's
    await forget_checks(connection, user_id)


HOLDERS: tuple[Holder, ...] = (
    # Before all others, which take away what tells whose answers they are.
    Holder("kept_answers", ("idempotency_record",), _export_answers, _forget_answers),
    # Before the carts, whose owner tells it whose history it is.
    Holder("history", ("cart_history", "cart_snapshot", "cart_merge"), _export_history, _forget_history_of_carts),
    Holder("carts", ("cart", "cart_line", "saved_line", "cart_share", "checkout"), _export_carts, _forget_carts),
    Holder(
        "orders",
        ("orders", "order_line", "order_state", "order_shipment", "order_refund", "order_return", "order_revision"),
        _export_orders,
        forget_orders,
    ),
    Holder("payments", ("refund", "payment_transaction"), _export_payments, _forget_payments),
    Holder(
        "wishlists",
        ("wishlist", "wishlist_item", "wishlist_share", "wishlist_notice", "wishlist_unsubscribe"),
        export_wishlists,
        forget_wishlists,
    ),
    Holder(
        "prices",
        ("customer_profile", "purse", "purse_movement", "coupon_use", "price_audit"),
        export_customer,
        forget_customer,
    ),
    Holder("tax_ids", ("tax_id_check",), _export_tax_ids, _forget_tax_ids),
    Holder("events", ("event", "stock_movement", "price_history"), _export_nothing, _forget_history),
)


class PrivacyService:
    """Gives out and forgets what is held of a customer."""

    def __init__(self, db: Database, accounts: AccountService, people: PeopleService, history: HistoryService) -> None:
        self._db = db
        self._history = history
        self._accounts = accounts
        self._people = people

    async def export(self, principal: Principal) -> dict[str, Any]:
        """Everything that is held of whoever asks, as plain values."""
        user_id = principal.user_id
        assert user_id is not None
        document: dict[str, Any] = {"user_id": user_id, "exported_at": self._db.clock.now()}
        try:
            document["account"] = await self._accounts.me(principal)
            document["sessions"] = await self._accounts.sessions(principal)
        except NotBuiltInError:
            document["account"], document["sessions"] = None, []
        document["addresses"] = await self._people.addresses(user_id)
        document["preferences"] = await self._people.preferences(user_id)
        document["consents"] = await self._people.consents(user_id, has_history=True)
        async with self._db.read() as connection:
            for holder in HOLDERS:
                document[holder.name] = await holder.export(connection, user_id)
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document, enc_hook=str))
        return plain

    async def erase_due(self) -> int:
        """Forget the customers whose time to think about it is over; answers how many."""
        erased = 0
        for user_id in await self._people.due_erasures():
            erased += await self._erase(user_id)
        return erased

    async def _erase(self, user_id: str) -> bool:
        # What is still in the outbox only would be taken over with the name in it afterwards.
        await self._history.take()
        alias = f"erased:{uuid7().hex[-12:]}"
        now = self._db.clock.now()

        async def command(connection: Connection) -> bool:
            if not await claim_erasure(connection, self._db, user_id):
                return False
            for holder in HOLDERS:
                await holder.forget(connection, user_id, alias, now)
            await erase(connection, self._db, user_id, alias)
            return True

        is_done = await self._db.write(command, self._db.job_patience_s)
        if is_done:
            _logger.info("a customer was erased; what is kept stands under %s", alias)
        return is_done
