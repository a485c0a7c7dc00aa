"""What must hold of wishlists."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "wishlist.one_default",
        "An owner who has wishlists has exactly one that is the default",
        """select user_id, encode(token_hash, 'hex') as token_hash, count(*) filter (where is_default) as defaults
             from wishlist group by user_id, token_hash having count(*) filter (where is_default) <> 1""",
    ),
    Invariant(
        "wishlist.version",
        "A wishlist's version is that of its newest event",
        """select w.id, w.version, max(e.version) as newest_event
             from wishlist w left join event e on e.aggregate_id = w.id and e.aggregate_kind = 'wishlist'
            group by w.id having w.version <> coalesce(max(e.version), 0)""",
    ),
    Invariant(
        "wishlist_item.of_variant",
        "What is on a wishlist is a variant of the shop",
        """select i.id, i.wishlist_id, i.variant_id from wishlist_item i left join variant v on v.id = i.variant_id
            where v.id is null""",
    ),
    Invariant(
        "wishlist_item.consent",
        "Only customers are told of stock and prices, and only who is to be told is waited for",
        """select i.id, i.wishlist_id from wishlist_item i join wishlist w on w.id = i.wishlist_id
            where (w.user_id is null and (i.stock_wanted_at is not null or i.price_wanted_at is not null))
               or (i.is_awaited and i.stock_wanted_at is null)""",
    ),
    Invariant(
        "wishlist_notice.once",
        "Of one thing a customer has one notice of a kind at most that is yet to be sent",
        """select user_id, variant_id, kind, count(*) as notices from wishlist_notice
            where sent_at is null and dropped is null group by user_id, variant_id, kind having count(*) > 1""",
    ),
)
