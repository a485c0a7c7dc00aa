"""What must hold of accounts."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "accounts.session_of_active",
        "Only accounts that are open have sessions that are",
        """select s.id, s.customer_id, c.status from account_session s join customer c on c.id = s.customer_id
            where s.ended_at is null and c.status <> 'active'""",
    ),
    Invariant(
        "accounts.default_address",
        "An address book that is not empty has one default",
        "select user_id from address group by user_id having count(*) filter (where is_default) <> 1",
    ),
    Invariant(
        "accounts.hash",
        "Passwords are kept as Argon2id",
        """select id from customer where password_hash is not null and password_hash not like '$argon2id$%'""",
    ),
)
