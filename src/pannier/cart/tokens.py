"""A guest's token in exchange for another one, at login: whoever planted or saw the old one is locked out."""

from __future__ import annotations

from pannier.kernel.ids import hash_token
from pannier.platform.database import Connection


async def exchange_token(connection: Connection, old: str, new: str) -> int:
    """Put the carts of a guest under another token, as they are; answers how many there were."""
    # Locked by id, as everywhere: an order or a change of the cart may be under way.
    await connection.execute("select id from cart where token_hash = $1 order by id for no key update", hash_token(old))
    tag = await connection.execute(
        "update cart set token_hash = $2 where token_hash = $1", hash_token(old), hash_token(new)
    )
    # Whoever knows the old token and a key gets no answer any more that was the guest's.
    await connection.execute(
        "update idempotency_record set owner = $2 where owner = $1", hash_token(old), hash_token(new)
    )
    return int(tag.rpartition(" ")[2])
