"""A plan of a merge as the rows that carry it out, and as the answer that tells of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pannier.cart.merge_repository import KeptLine
from pannier.cart.merge_schemas import MergedItem
from pannier.cart.merging import LineOutcome, MergeLine, MergePlan
from pannier.cart.rewrite_models import LineRow, Side, line_values
from pannier.kernel.ids import uuid7


@dataclass(frozen=True, slots=True)
class Written:
    """A plan as rows: lines to write, units to save, what undoing needs, and the id each line has in the cart."""

    lines: list[dict[str, Any]]
    saved: list[dict[str, Any]]
    kept: list[KeptLine]
    ids: Mapping[tuple[uuid.UUID, str], uuid.UUID]

    @classmethod
    def of(cls, found: MergePlan, mine: Side, theirs: Side) -> Written:
        """From a plan and both carts."""
        before = {row.identity: row for row in mine.lines}
        added = {row.identity: row.added_at for row in (*theirs.lines, *mine.lines)}
        lines, saved, kept = [], [], []
        ids: dict[tuple[uuid.UUID, str], uuid.UUID] = {}
        for outcome in found.lines:
            identity = outcome.line.identity
            was = before.get(identity)
            # The guest's line keeps its own row in the closed cart, so its copy here has an id of its own.
            line = outcome.line if was is not None else replace(outcome.line, id=uuid7())
            if outcome.action in {"insert", "change", "remove"}:
                lines.append(line_values(line, outcome.quantity, added_at=added[identity]))
            if outcome.quantity:
                ids[identity] = line.id
            if outcome.set_aside:
                aside = line_values(replace(line, id=uuid7()), outcome.set_aside, added_at=added[identity])
                saved.append({**aside, "reason": "merge"})
            if outcome.action != "keep" or outcome.set_aside:
                after = _row(replace(line, quantity=outcome.quantity)) if outcome.quantity else None
                kept.append(KeptLine(was, after or (None if was else _row(line, 0)), outcome.set_aside))
        return cls(lines, saved, kept, ids)


def _row(line: MergeLine, quantity: int | None = None) -> LineRow:
    return LineRow(
        line.id,
        line.variant_id,
        line.quantity if quantity is None else quantity,
        line.merge_key,
        None if line.extra is None else dict(line.extra),
        line.unit_price_minor,
        line.is_price_fixed,
        line.is_selected,
        shelf_minor=line.shelf_minor,
        shown_minor=line.shown_minor,
    )


def saved_along(row: LineRow) -> dict[str, Any]:
    """A saved line of the guest's, as the user's cart gets it."""
    return {**line_values(replace(row.line, id=uuid7()), row.quantity, added_at=row.added_at), "reason": row.reason}


def merged_item(outcome: LineOutcome, item_id: uuid.UUID | None) -> MergedItem:
    """What the answer tells of one line."""
    return MergedItem(
        outcome.action,
        outcome.line.variant_id,
        item_id,
        outcome.user_quantity,
        outcome.guest_quantity,
        outcome.quantity,
        outcome.set_aside,
        list(outcome.reasons),
    )
