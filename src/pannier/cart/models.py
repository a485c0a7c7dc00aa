"""Whose cart, and what should become of it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pannier.kernel.ids import hash_token, uuid7


@dataclass(frozen=True, slots=True)
class CartOwner:
    """A user, or a guest by the digest of a token. `fresh_token` is what a guest gets who has no token that counts.

    A cookie's token that no cart knows may have been planted, so a new cart takes the fresh one; a bearer token
    was chosen by the client itself, so a new cart takes that.
    """

    user_id: str | None = None
    token: str | None = None
    fresh_token: str | None = None
    #: The digest of a guest's token, where somebody else writes to the guest's cart by a link.
    token_digest: bytes | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a credential by which this owner can come back."""
        return self.user_id is not None or self.token is not None or self.token_digest is not None

    @property
    def digest(self) -> bytes:
        """What the owner's cart and idempotency records are found by: 32 bytes."""
        if self.user_id is not None:
            return hashlib.sha256(b"user:" + self.user_id.encode()).digest()
        if self.token_digest is not None:
            return self.token_digest
        return hash_token(self.token or self.fresh_token or "")


Operation = Literal[
    "add",
    "set",
    "remove",
    "duplicate",
    "save",
    "restore",
    "keep",
    "select",
    "metadata",
    "coupon",
    "delivery",
    "reserve",
]
#: Of changes that are about no line.
NO_LINE = uuid.UUID(int=0)
# Far beyond any shop's limit, and a sum of a thousand such lines is still a plain integer.
QUANTITY_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one line, as `cart_change` takes it; None leaves as it is.

    `line_id` is the line it is about, for `add` the one that a new line gets; `copy_id` is that of a duplicate.
    `merge_key` is worked out from attributes, customisation and fixed price, unless it is given.
    """

    op: Operation
    line_id: uuid.UUID = NO_LINE
    variant_id: uuid.UUID | None = None
    quantity: int | None = None
    copy_id: uuid.UUID | None = None
    merge_key: str | None = None
    extra: dict[str, Any] | None = None
    is_selected: bool | None = None
    unit_price_minor: int | None = None
    #: Why a line is saved: shopper when nothing is said.
    reason: str | None = None
    #: What `select` selects: every line, none, or exactly those of `line_ids`.
    select: Literal["all", "none", "only"] | None = None
    line_ids: Sequence[uuid.UUID] | None = None
    #: Of `metadata`: what is laid over the cart's; None takes a key away. Of `coupon`: see `cart_change_coupon`.
    #: Of `delivery`: destination and shipping_method as they are afterwards.
    values: dict[str, Any] | None = None
    #: Of `set`: the price that the shopper agrees to, which has to be the one asked now. Of `keep`, where there is
    #: none now: the one it had.
    accepted_minor: int | None = None
    #: What the shopper is asked for a unit where the list asks `listed_minor`: by the price rules, and as it is shown
    #: where the shopper is.
    listed_minor: int | None = None
    shelf_minor: int | None = None
    shown_minor: int | None = None
    #: The details of INVALID_QUANTITY, as which it is refused when its turn comes.
    invalid: dict[str, object] | None = None
    #: Of `reserve`: how long, as PostgreSQL reads an interval.
    ttl: str | None = None

    @property
    def is_offered(self) -> bool:
        """Whether it puts something in at the price that is asked for it now."""
        return (
            self.op in {"add", "keep"}
            and self.unit_price_minor is None
            and self.shown_minor is None
            and (self.quantity or 0) > 0
        )


def add(
    variant_id: uuid.UUID,
    quantity: int,
    *,
    attributes: dict[str, Any] | None = None,
    note: str | None = None,
    customisation: dict[str, Any] | None = None,
    unit_price_minor: int | None = None,
) -> Change:
    """Add units of a variant. `unit_price_minor` fixes the price, whatever the list says: for staff and imports."""
    extra = {"attributes": attributes, "note": note, "customisation": customisation}
    kept = {key: value for key, value in extra.items() if value}
    return Change(
        op="add",
        line_id=uuid7(),
        variant_id=variant_id,
        quantity=quantity,
        extra=kept or None,
        unit_price_minor=unit_price_minor,
    )


@dataclass(frozen=True, slots=True)
class Command:
    """Changes of one owner's cart that are one request. Several are all carried out or none, unless not `is_atomic`."""

    owner: CartOwner
    event: str
    changes: Sequence[Change] = ()
    #: Removes every line of `clear_scope`, whatever `changes` say.
    is_clear: bool = False
    clear_scope: Literal["all", "selected"] = "all"
    is_atomic: bool = True
    #: Makes a cart beside the owner's open one, which it leaves alone.
    is_aside: bool = False
    #: A cart of the owner's beside the open one, which is changed instead of that.
    beside_id: uuid.UUID | None = None
    #: The answer has the changed lines only, and the counts of the whole cart.
    is_minimal: bool = False
    if_match: int | None = None
    idempotency_key: str | None = None
    request_hash: bytes = b""
    #: Whose key it is, where that is not the owner: 32 bytes.
    key_owner: bytes | None = None
    channel: str | None = None
    #: What a cart that is made is in, the shop's own if nothing is said; refused where the owner's is in another.
    currency: str | None = None
    #: The cart it is meant for: refused when the owner has another one by now, and none is made.
    cart_id: uuid.UUID | None = None
    actor: str = "guest"
    device: str | None = None
    correlation_id: str | None = None
    op_id: uuid.UUID = field(default_factory=uuid7)
    new_cart_id: uuid.UUID = field(default_factory=uuid7)
