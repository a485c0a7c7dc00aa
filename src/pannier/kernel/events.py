"""What happened, as a value: the base of every row in the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one aggregate. `(aggregate_id, version)` is unique, and its versions have no gap.

    `position` is the place in the outbox, `(transaction, sequence)`; it orders events whose
    transactions are all over, see `platform.outbox`.
    """

    id: uuid.UUID
    type: str
    aggregate_kind: str
    aggregate_id: uuid.UUID
    version: int
    data: Mapping[str, Any]
    actor: str
    device: str | None
    correlation_id: str | None
    at: datetime
    position: tuple[int, int]
