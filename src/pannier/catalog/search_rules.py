"""How the search reads what a shopper types: which words are meant, and where a page begins. Pure.

A word is looked for as it is written, the last one also as the beginning of a word. A word that nothing has is taken
for a slip of the finger, if the shop knows words like it: one letter too many, too few, another or two exchanged in
words of four letters or more, two such slips in words of eight or more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from pannier.catalog.errors import InvalidCursorError
from pannier.catalog.models import Browse
from pannier.kernel.times import in_utc

WORDS_MAX = 10
#: Of the words like a mistyped one, so many are looked for in its place.
MEANT_MAX = 3
_LETTERS_MIN = 4
_LETTERS_OF_TWO_SLIPS = 8
_PREFIX_LETTERS_MIN = 2


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: any of `words` will do; `is_prefix` is also content with the beginning of one."""

    words: tuple[str, ...]
    is_prefix: bool = False


def slips(typed: str, meant: str) -> int:
    """How many slips lead from one word to the other: a letter added, left out, replaced, or two exchanged."""
    before: list[int] = []
    above = list(range(len(meant) + 1))
    for row, letter in enumerate(typed, 1):
        line = [row]
        for column, other in enumerate(meant, 1):
            cost = min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == meant[column - 2] and typed[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]


def slips_max(typed: str) -> int:
    """How many slips a word may have and still be understood."""
    if len(typed) < _LETTERS_MIN:
        return 0
    return 2 if len(typed) >= _LETTERS_OF_TWO_SLIPS else 1


def nearest(typed: str, known: Sequence[str]) -> tuple[str, ...]:
    """The words with the fewest slips from what was typed, if these are few enough; never the word itself."""
    counted = [(slips(typed, word), word) for word in known if word != typed]
    least = min((count for count, _ in counted), default=0)
    return tuple(sorted(word for count, word in counted if count == least <= slips_max(typed)))


def likeliest(typed: str, near: Sequence[str], products: Mapping[str, int]) -> tuple[str, ...]:
    """Of words that are equally near, those that most products have; the first letter is seldom the wrong one."""
    return tuple(sorted(near, key=lambda word: (word[:1] != typed[:1], -products.get(word, 0), word))[:MEANT_MAX])


def terms_of(words: Sequence[str]) -> tuple[Term, ...]:
    """The query as it is written."""
    last = len(words) - 1
    return tuple(
        Term((word,), is_prefix=place == last and len(word) >= _PREFIX_LETTERS_MIN) for place, word in enumerate(words)
    )


def query_text(terms: Sequence[Term], *, weight: str = "", with_prefixes: bool = True) -> str:
    """The terms in the language of tsquery: all must occur. `weight` A asks for names, SKUs and barcodes alone."""
    parts = []
    for term in terms:
        suffix = ("*" if term.is_prefix and with_prefixes else "") + weight
        words = [_quoted(word) + (f":{suffix}" if suffix else "") for word in term.words]
        parts.append(f"({' | '.join(words)})")
    return " & ".join(parts)


class Place(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Where a page begins: behind the product with this key. `list_mark` is the mark of the list it is a place in.

    `key` None stands for a product without a price, in an order by price. `meant` are the words that the first page
    has taken for those that were typed, so that later pages are of the same list.
    """

    list_mark: str
    key: int | str | None
    second: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    product_id: uuid.UUID
    meant: Annotated[
        list[Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=60)]], msgspec.Meta(min_length=1)]],
        msgspec.Meta(max_length=WORDS_MAX),
    ] = []

    def encode(self) -> str:
        """As the client carries it."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def mark_of(wanted: Browse) -> str:
    """A short name of a list: another one when anything is looked for, filtered or sorted otherwise."""
    told = msgspec.json.encode([wanted.text, sorted(wanted.categories), sorted(wanted.tags), sorted(wanted.options),
        wanted.price_min, wanted.price_max, wanted.in_stock, wanted.on_sale, wanted.sort])  # fmt: skip
    return hashlib.blake2b(told, digest_size=6).hexdigest()


def place_of(cursor: str, wanted: Browse) -> Place:
    """The place that a cursor names. Raises InvalidCursorError when it is none of this list."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(data, type=Place)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        place = None
    if place is None or place.list_mark != mark_of(wanted) or not _is_key(place, wanted.sort):
        raise InvalidCursorError(
            "This cursor is none that a page of this list gave: it goes with the same words, filters and order. "
            "Begin without one.",
            field="cursor",
        )
    return place


def key_value(key: int | str | None, sort: str) -> Any:
    """A place's key as the database compares it."""
    return datetime.fromisoformat(key) if sort == "newest" and isinstance(key, str) else key


def _is_key(place: Place, sort: str) -> bool:
    key = place.key
    if any("\0" in word for words in place.meant for word in words):
        return False
    if sort == "name":
        return isinstance(key, str) and "\0" not in key
    if sort == "newest":
        return isinstance(key, str) and _is_moment(key)
    return key is None if key is None and sort.startswith("price") else isinstance(key, int) and 0 <= key < 2**63


def _is_moment(text: str) -> bool:
    try:
        in_utc(datetime.fromisoformat(text))
    except ValueError:
        return False
    return True


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
