"""What orders need done beside requests."""

from __future__ import annotations

from pannier.orders.handover import CONSUMER, HandoverService
from pannier.orders.refunding import RefundService
from pannier.platform.database import Database
from pannier.platform.outbox import consume, forget_consumer

#: Seconds between two looks for refunds that a crash, or a provider that did not answer, left pending.
REFUND_INTERVAL_S = 20.0


async def give_refunds(refunds: RefundService) -> None:
    """Give what is due."""
    await refunds.give_due()


#: Seconds between two looks for what the order service is to be told.
HANDOVER_INTERVAL_S = 1.0


async def hand_over(db: Database, handovers: HandoverService) -> None:
    """Queue what has happened to orders, then tell the order service what is due."""
    if handovers.taker is None:
        return
    while await consume(db, CONSUMER, handovers.queue):
        pass
    await handovers.tell()


async def keep_no_events(db: Database, handovers: HandoverService) -> None:
    """Where there is no order service, the outbox keeps nothing for it: one that comes later is told of what is there
    then."""
    if handovers.taker is None:
        await forget_consumer(db, CONSUMER)
