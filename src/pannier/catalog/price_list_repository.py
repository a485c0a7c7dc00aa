"""The statements of price lists, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pannier.platform.records import Cause, as_json

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: What the driver takes for -infinity and infinity: without a time zone, as no moment is meant.
BEFORE_ALL, AFTER_ALL = datetime.min, datetime.max  # noqa: DTZ901 # the driver compares with exactly these


class Priced(Protocol):
    """A price to be written."""

    @property
    def variant_id(self) -> uuid.UUID: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def compare_at_minor(self) -> int | None: ...
    @property
    def quantity_min(self) -> int: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def customer_group(self) -> str | None: ...
    @property
    def valid_from(self) -> datetime | None: ...
    @property
    def valid_to(self) -> datetime | None: ...


async def prices(
    connection: Connection, code: str, variant_id: uuid.UUID | None, after: uuid.UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Prices of a list, by id, behind one of them."""
    rows = await connection.fetch(
        "select r.id, r.variant_id, r.currency, r.amount_minor as amount, r.compare_at_minor as compare_at,"
        " r.quantity_min, r.channel, r.customer_group, nullif(r.valid_from, '-infinity') as valid_from,"
        " nullif(r.valid_to, 'infinity') as valid_to from price r"
        " where r.price_list = $1 and ($2::uuid is null or r.variant_id = $2) and ($3::uuid is null or r.id > $3)"
        " order by r.id limit $4",
        code, variant_id, after, limit,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def known(connection: Connection, variants: Sequence[uuid.UUID]) -> frozenset[uuid.UUID]:
    """Which of the ids are variants."""
    rows = await connection.fetch("select id from variant where id = any($1)", variants)
    return frozenset(row["id"] for row in rows)


async def channels(connection: Connection) -> frozenset[str]:
    """The codes of all channels."""
    return frozenset(row["code"] for row in await connection.fetch("select code from channel"))


async def keep_channel(connection: Connection, code: str, name: str) -> None:
    """Make a channel, or give it another name."""
    await connection.execute(
        "insert into channel (code, name) values ($1, $2) on conflict (code) do update set name = excluded.name",
        code,
        name,
    )


async def say_cause(connection: Connection, cause: Cause, now: datetime) -> None:
    """Say who changes prices in this transaction, for their history."""
    said = {"actor": cause.actor, "correlation_id": cause.correlation_id, "at": now}
    await connection.execute("select set_config('pannier.price_cause', $1, true)", as_json(said))


async def write_prices(connection: Connection, code: str, rows: Sequence[tuple[uuid.UUID, Priced]]) -> None:
    """Insert or update; a price is another where its amounts or its end are."""
    columns = [
        [price_id for price_id, _ in rows],
        [price.variant_id for _, price in rows],
        [price.currency for _, price in rows],
        [price.channel for _, price in rows],
        [price.customer_group for _, price in rows],
        [price.quantity_min for _, price in rows],
        [price.valid_from or BEFORE_ALL for _, price in rows],
        [price.valid_to or AFTER_ALL for _, price in rows],
        [price.amount_minor for _, price in rows],
        [price.compare_at_minor for _, price in rows],
    ]
    await connection.execute(
        """
        insert into price as r (id, variant_id, price_list, currency, channel, customer_group, quantity_min, valid_from,
                                valid_to, amount_minor, compare_at_minor)
        select w.id, w.variant_id, $1, w.currency, w.channel, w.customer_group, w.quantity_min, w.valid_from,
               w.valid_to, w.amount_minor, w.compare_at_minor
          from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::timestamptz[],
                      $9::timestamptz[], $10::bigint[], $11::bigint[])
            w(id, variant_id, currency, channel, customer_group, quantity_min, valid_from, valid_to, amount_minor,
              compare_at_minor)
         order by w.variant_id
        on conflict on constraint price_one_per_key do update
           set amount_minor = excluded.amount_minor, compare_at_minor = excluded.compare_at_minor,
               valid_to = excluded.valid_to
         where (r.amount_minor, r.compare_at_minor, r.valid_to)
               is distinct from (excluded.amount_minor, excluded.compare_at_minor, excluded.valid_to)
        """,
        code,
        *columns,
    )


async def delete_price(connection: Connection, code: str, price_id: uuid.UUID) -> uuid.UUID | None:
    """Take a price out of a list; answers whose it was."""
    found: uuid.UUID | None = await connection.fetchval(
        "delete from price where id = $1 and price_list = $2 returning variant_id", price_id, code
    )
    return found


async def refresh(connection: Connection, variants: Sequence[uuid.UUID]) -> None:
    """Make what is shown and searched of these variants current; their products are locked in order."""
    await connection.execute(
        "select catalog_refresh_display(array(select p.id from product p where p.id in"
        " (select v.product_id from variant v where v.id = any($1)) order by p.id for no key update))",
        variants,
    )


async def search_anew(connection: Connection, code: str) -> None:
    """Have the search look again at every product that a list has a price of; it does so within moments."""
    await connection.execute(
        "insert into search_task (kind, subject) select distinct 'product', v.product_id"
        " from price r join variant v on v.id = r.variant_id where r.price_list = $1",
        code,
    )
