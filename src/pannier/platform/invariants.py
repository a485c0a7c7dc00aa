"""What must hold of the stored data, each said once: as a sentence, and as a query for the rows that break it.

A constraint keeps most of them, the state machine of the tests checks all after every step, and `pannier audit`
proves them of a shop. Each capability declares its own in `invariants.py`; `app/audit.py` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """`sql` returns the rows that break it, without parameters and without asking what time it is.

    `repair` is a call of a database function that mends what can be mended and answers what it did, one JSON
    object a row; it takes the shop's offset of time as $1.
    """

    name: str
    sentence: str
    sql: str
    repair: str | None = None


INVARIANTS = (
    Invariant(
        "event.versions",
        "The events of an aggregate are of one kind and have versions without a gap (the oldest may be pruned)",
        """select aggregate_id, min(version) as first, max(version) as last, count(*) as events,
                  count(distinct aggregate_kind) as kinds
             from event group by aggregate_id
           having max(version) - min(version) + 1 <> count(*) or count(distinct aggregate_kind) <> 1
               or min(version) < 1""",
    ),
    Invariant(
        "idempotency.answers",
        "Every kept answer is JSON, and belongs to a request",
        """select encode(owner, 'hex') as owner, key, left(answer, 80) as answer from idempotency_record
            where not is_json(answer) or length(request_hash) <> 32""",
    ),
)
