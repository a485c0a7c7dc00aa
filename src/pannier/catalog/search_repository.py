"""The statements of the search, one function each: see `sql/search.sql` for the words, `sql/search_index.sql` for the
tables they read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.catalog import search_rules
from pannier.catalog.models import Browse
from pannier.catalog.search_rules import Place, Term

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Shop:
    """Whose prices and products they are, and when."""

    currency: str
    channel: str
    now: datetime


@dataclass(frozen=True, slots=True)
class _Order:
    """`keys` are what is sorted by; the product's id comes last, so that every place is one of its own."""

    keys: tuple[str, ...]
    is_descending: bool = False


_ORDERS: Mapping[str, _Order] = {
    "featured": _Order(("s.position",)),
    "newest": _Order(("s.created_at",), is_descending=True),
    "price": _Order(("o.amount_min",)),
    "price-desc": _Order(("o.amount_min",), is_descending=True),
    "name": _Order(("s.name_key",)),
    # The best match has 0, and what is sold out stands behind the others of its kind.
    "relevance": _Order(("w.score", "s.position")),
}
_SHOWN = "s.product_id, s.position, s.created_at, s.name_key"
#: Offers that are looked at one by one without a thought.
_FEW = 1_000
# By arrays, as a join may read every variant.
_STOCKED = """(s.is_stocked or s.product_id = any(array(select v.product_id from variant v where v.id = any(array(
  select t.subject from search_task t where t.kind = 'stock')))))"""


class _Statement:
    """A statement in parts, and its arguments: only those that it uses, as the database asks for the type of each."""

    def __init__(self, shop: Shop) -> None:
        self._known = {
            "currency": (shop.currency, "text"),
            "channel": (shop.channel, "text"),
            "now": (shop.now, "timestamptz"),
        }
        self._numbers: dict[str, str] = {}
        self.arguments: list[Any] = []

    def put(self, value: Any, kind: str) -> str:
        """The parameter that stands for a value."""
        self.arguments.append(value)
        return f"${len(self.arguments)}::{kind}"

    def of_shop(self, name: str) -> str:
        """The parameter that stands for the shop's currency, channel or now."""
        if name not in self._numbers:
            self._numbers[name] = self.put(*self._known[name])
        return self._numbers[name]


async def look_up(connection: Connection, text: str, *, is_strict: bool) -> list[asyncpg.Record]:
    """The words of a text: `word`, `is_known`, and words like it as `candidates`, of all with `is_strict`."""
    return await connection.fetch(
        "select word, is_known, candidates from catalog_look_up($1, $2, $3)", text, search_rules.WORDS_MAX, is_strict
    )


async def count_words(connection: Connection, words: Sequence[str], maximum: int) -> dict[str, int]:
    """How many products have each word, counted up to a maximum."""
    rows = await connection.fetch("select word, products from catalog_count_words($1, $2)", words, maximum)
    return {row["word"]: row["products"] for row in rows}


async def hits(
    connection: Connection, shop: Shop, wanted: Browse, terms: Sequence[Term], place: Place | None, limit: int
) -> list[asyncpg.Record]:
    """The next products of a list, by `product_id`, `key` and `second`: see `search_rules.Place`."""
    by_price = wanted.sort.startswith("price")
    found: list[asyncpg.Record] = []
    if place is None or not by_price or place.key is not None:
        found = await _hits(connection, shop, wanted, terms, place, limit, is_priced=True)
        place = None
    if by_price and len(found) < limit and wanted.price_min is wanted.price_max is None and not wanted.on_sale:
        # What has no price stands behind all that has one, in either direction.
        found += await _hits(connection, shop, wanted, terms, place, limit - len(found), is_priced=False)
    return found


async def _hits(
    connection: Connection,
    shop: Shop,
    wanted: Browse,
    terms: Sequence[Term],
    place: Place | None,
    limit: int,
    *,
    is_priced: bool,
) -> list[asyncpg.Record]:
    statement = _Statement(shop)
    order = _ORDERS[wanted.sort] if is_priced else _Order(())
    is_gathered = bool(terms or wanted.categories or wanted.tags or wanted.options)
    are_few = is_priced and not is_gathered and await _are_few(connection, shop, wanted)
    tables, conditions = _source(statement, wanted, terms, is_priced=is_priced, are_few=are_few)
    live = ""
    if wanted.in_stock:
        of_shop = ", ".join(statement.of_shop(name) for name in ("currency", "channel", "now"))
        live = f"catalog_product_can_be_had({{}}.product_id, {of_shop})"
    id_ = "o.product_id" if tables.startswith("product_offer") else "s.product_id"
    if place is not None:
        conditions.append(_behind(statement, wanted.sort, order, id_, place))
    key, second = (*order.keys, "0::bigint")[:2] if order.keys else ("null::bigint", "0::bigint")
    sorting = ", ".join(f"{name}{' desc' if order.is_descending else ''}" for name in (*order.keys, id_))
    # Live stock is looked at one by one in the order of the list, until there is a page of it: where that is walked
    # as it goes, else behind the sort.
    is_walked = not (is_gathered or are_few)
    if live and is_walked:
        conditions.append(live.format(id_.partition(".")[0]))
    where = f"where {' and '.join(conditions)}" if conditions else ""
    inner = f"select {id_}, {key} as key, {second} as second from {tables} {where} order by {sorting}"
    if live and not is_walked:
        inner = f"select * from ({inner} offset 0) h where {live.format('h')}"
    return await connection.fetch(f"{inner} limit {statement.put(limit, 'bigint')}", *statement.arguments)


def _source(
    statement: _Statement, wanted: Browse, terms: Sequence[Term], *, is_priced: bool, are_few: bool
) -> tuple[str, list[str]]:
    """Where hits come from: tables and conditions, in one of three ways, none of which is left to the planner. Its
    choice would rest on statistics that a catalogue imported a moment ago has not got; `offset 0` binds it.

    What has words or filters of the word index is gathered by it, and then sorted; so is what few offers allow, by
    these. Else the list is walked in its order, by the index of that order, until the page is full.
    """
    document = _document(statement, wanted, terms)
    shown = [*document, f"(s.channels is null or {statement.of_shop('channel')} = any(s.channels))"]
    if wanted.in_stock:
        shown.append(_STOCKED)
    by_price = wanted.sort.startswith("price")
    if is_priced and not document and (by_price or are_few):
        of_offer = " and ".join(["s.product_id = o.product_id", *shown, _offered(statement, wanted)])
        tables = (
            f"product_offer o cross join lateral (select {_SHOWN} from product_search s where {of_offer} offset 0) s"
        )
        return tables, _bounds(statement, wanted) if are_few else _bounds(statement, Browse())
    tables, conditions = "product_search s", shown
    if document:
        tables, conditions = f"(select s.* from product_search s where {' and '.join(shown)} offset 0) s", []
    if wanted.sort == "relevance":
        tables += _score(statement, terms)
    offer = "select o.amount_min from product_offer o where o.product_id = s.product_id and "
    if not is_priced:
        conditions.append(f"({offer}{_offered(statement, Browse())} limit 1) is null")
    elif by_price or wanted.on_sale or _is_bound(wanted):
        tables += f" cross join lateral ({offer}{_offered(statement, wanted)} offset 0) o"
    return tables, conditions


async def _are_few(connection: Connection, shop: Shop, wanted: Browse) -> bool:
    """Whether so few offers are on sale, or within the bounds, that looking at each is less than walking the list."""
    if not (wanted.on_sale or _is_bound(wanted)):
        return False
    statement = _Statement(shop)
    found = " and ".join(_bounds(statement, wanted))
    counted = f"select count(*) from (select 1 from product_offer o where {found} limit {_FEW}) few"
    return int(await connection.fetchval(counted, *statement.arguments)) < _FEW


def _bounds(statement: _Statement, wanted: Browse) -> list[str]:
    """What the indexes of offers know of what is wanted."""
    found = [f"o.currency = {statement.of_shop('currency')}"]
    if wanted.price_max is not None:
        found.append(f"o.amount_min <= {statement.put(wanted.price_max, 'bigint')}")
    if wanted.price_min is not None:
        found.append(f"o.amount_max >= {statement.put(wanted.price_min, 'bigint')}")
    if wanted.on_sale:
        found.append("o.is_on_sale")
    return found


def _is_bound(wanted: Browse) -> bool:
    return (wanted.price_min, wanted.price_max) != (None, None)


def _document(statement: _Statement, wanted: Browse, terms: Sequence[Term]) -> list[str]:
    """What must occur in a document."""
    conditions = []
    if terms:
        conditions.append(f"s.document @@ {statement.put(search_rules.query_text(terms), 'text')}::tsquery")
    if wanted.categories or wanted.tags or wanted.options:
        filters = [statement.put(list(values), "text[]") for values in (wanted.categories, wanted.tags, wanted.options)]
        conditions.append(f"s.document @@ catalog_filter({', '.join(filters)})")
    return conditions


def _score(statement: _Statement, terms: Sequence[Term]) -> str:
    """How well a document matches: as typed in a name, SKU or barcode, elsewhere, as a beginning in one of these."""
    named = statement.put(search_rules.query_text(terms, weight="A", with_prefixes=False), "text")
    exact = statement.put(search_rules.query_text(terms, with_prefixes=False), "text")
    begun = statement.put(search_rules.query_text(terms, weight="A"), "text")
    return (
        f" cross join lateral (select 2 * case when s.document @@ {named}::tsquery then 0"
        f" when s.document @@ {exact}::tsquery then 1 when s.document @@ {begun}::tsquery then 2 else 3 end"
        " + (not s.is_stocked)::integer as score) w"
    )


def _offered(statement: _Statement, wanted: Browse) -> str:
    """That an offer holds in this shop now, the channel's own before the general one, and is one that is wanted."""
    currency, channel, now = (statement.of_shop(name) for name in ("currency", "channel", "now"))
    conditions = [
        f"o.currency = {currency} and o.valid_from <= {now} and {now} < o.valid_to",
        f"(o.channel = {channel} or o.channel is null and {channel} <> all(o.other_channels))",
    ]
    if wanted.on_sale:
        conditions.append("o.is_on_sale")
    if _is_bound(wanted):
        least = statement.put(wanted.price_min or 0, "bigint")
        most = statement.put(2**63 - 1 if wanted.price_max is None else wanted.price_max, "bigint")
        # Most are told by the first and the last amount.
        conditions.append(f"o.amount_min <= {most} and o.amount_max >= {least}")
        conditions.append(f"exists (select 1 from unnest(o.amounts) a where a between {least} and {most})")
    return " and ".join(conditions)


def _behind(statement: _Statement, sort: str, order: _Order, id_: str, place: Place) -> str:
    kinds = {"newest": "timestamptz", "name": "text"}
    values = [statement.put(search_rules.key_value(place.key, sort), kinds.get(sort, "bigint"))] if order.keys else []
    if len(order.keys) > 1:
        values.append(statement.put(place.second, "bigint"))
    values.append(statement.put(place.product_id, "uuid"))
    return f"({', '.join((*order.keys, id_))}) {'<' if order.is_descending else '>'} ({', '.join(values)})"


async def categories(connection: Connection, channel: str) -> list[asyncpg.Record]:
    """Those with a product on show, by name."""
    return await connection.fetch(
        "select c.slug, c.name from category c where exists (select 1 from product_category pc"
        " join product_search s on s.product_id = pc.product_id where pc.category_id = c.id"
        " and (s.channels is null or $1::text = any(s.channels))) order by c.name, c.id",
        channel,
    )


async def catch_up(connection: Connection, limit: int) -> int | None:
    """Take in what the index was told of: how many tasks are done, None while another process is at it."""
    done: int | None = await connection.fetchval("select catalog_catch_up($1)", limit)
    return done


def place_behind(wanted: Browse, row: asyncpg.Record, meant: Sequence[Sequence[str]]) -> Place:
    """The place behind a hit."""
    key = row["key"]
    return Place(
        search_rules.mark_of(wanted),
        key.isoformat() if isinstance(key, datetime) else key,
        row["second"],
        row["product_id"],
        [list(words) for words in meant],
    )


def product_ids(rows: Sequence[asyncpg.Record]) -> list[uuid.UUID]:
    """The products of hits, in their order."""
    return [row["product_id"] for row in rows]
