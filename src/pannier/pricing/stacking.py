"""Which promotions apply, and in which order they work on the basket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pannier.pricing.actions.base import Action, ItemAction, OrderAction
from pannier.pricing.bookings import Booking, ShortGift
from pannier.pricing.conditions import Unmet
from pannier.pricing.ledger import Ledger
from pannier.pricing.promotions import Promotion
from pannier.pricing.work import Work


@dataclass(slots=True)
class Outcome:
    """What became of the promotions. `applied` in the order applied, `shipping` those that may lower shipping."""

    applied: list[Promotion] = field(default_factory=list)
    shipping: list[Promotion] = field(default_factory=list)
    #: (promotion, reason, what was missing) of those that did not apply.
    missed: list[tuple[Promotion, str, Unmet | None]] = field(default_factory=list)
    #: Only what gave something counts as applied.
    is_giving_only: bool = False


def candidates(work: Work, outcome: Outcome) -> list[Promotion]:
    """The promotions that may apply today with the codes there are, in the order in which they are tried."""
    on, shopper, codes = work.on, work.shopper, work.request.codes
    found = []
    for promotion in work.book.ordered_promotions:
        reason = promotion.refusal(on)
        if reason is None and promotion.coupons is not None:
            reason = promotion.code_refusal(codes, on, shopper, has_reduced_line=any(work.ledger.reduced))
        if reason is None:
            found.append(promotion)
        else:
            outcome.missed.append((promotion, reason, None))
    if work.book.has_exclusive:
        alone = next((one for one in found if one.is_exclusive and one.unmet(work) is None), None)
        if alone is not None:
            outcome.missed += [(one, "exclusive", None) for one in found if one is not alone]
            return [alone]
    return found


def apply(work: Work, promotion: Promotion, wanted: tuple[type[Action], ...] = (ItemAction, OrderAction)) -> None:
    """Take off what the promotion gives on goods."""
    for action in promotion.actions:
        if isinstance(action, wanted) and isinstance(action, (ItemAction, OrderAction)):
            action.give(work, promotion)


def stack(work: Work, found: Sequence[Promotion], outcome: Outcome) -> None:
    """Every promotion in turn, if it is eligible then, with its actions in their order."""
    lanes: set[str] = set()
    is_consuming = work.ledger.is_consuming
    for place, promotion in enumerate(found):
        if promotion.lane is not None and promotion.lane in lanes:
            outcome.missed.append((promotion, "lane", None))
            continue
        unmet = promotion.unmet(work)
        if unmet is not None:
            outcome.missed.append((promotion, "condition", unmet))
            continue
        for action in promotion.actions:
            if isinstance(action, (ItemAction, OrderAction)):
                action.give(work, promotion)
        if is_consuming:
            work.ledger.use_touched()
        outcome.applied.append(promotion)
        if promotion.lane is not None:
            lanes.add(promotion.lane)
        if promotion.is_stop:
            outcome.missed += [(one, "stopped", None) for one in found[place + 1 :]]
            break
    outcome.shipping = outcome.applied


def in_rounds(work: Work, found: Sequence[Promotion], outcome: Outcome) -> None:
    """First the item actions of all, then the order actions of all, then shipping; each round tries eligibility."""
    unmet_ones: dict[str, tuple[Promotion, str, Unmet | None]] = {}
    for wanted in (ItemAction, OrderAction, None):
        taken: list[Promotion] = []
        for promotion in found:
            has_any = any(isinstance(action, wanted) for action in promotion.actions) if wanted else promotion.ships
            if not has_any and (promotion.actions or wanted is not ItemAction):
                continue
            if _is_lane_taken(promotion, outcome.applied):
                unmet_ones[promotion.id] = (promotion, "lane", None)
                continue
            unmet = promotion.unmet(work)
            if unmet is not None:
                unmet_ones[promotion.id] = (promotion, "condition", unmet)
                continue
            taken.append(promotion)
            if wanted is not None:
                apply(work, promotion, (wanted,))
                if work.ledger.is_consuming:
                    work.ledger.use_touched()
            if promotion not in outcome.applied:
                outcome.applied.append(promotion)
            if promotion.is_stop:
                break
        if wanted is None:
            outcome.shipping = taken
    applied = {promotion.id for promotion in outcome.applied}
    outcome.missed += [missed for name, missed in unmet_ones.items() if name not in applied]


def _is_lane_taken(promotion: Promotion, applied: Sequence[Promotion]) -> bool:
    return promotion.lane is not None and any(one.lane == promotion.lane and one is not promotion for one in applied)


def best_per_item(work: Work, found: Sequence[Promotion], outcome: Outcome) -> None:
    """Each is tried alone on the untouched basket; every line takes the one that gives it most, ties the first."""
    untouched = work.ledger
    tries: list[tuple[Promotion, Ledger]] = []
    for place, promotion in enumerate(found):
        unmet = promotion.unmet(work)
        if unmet is not None:
            outcome.missed.append((promotion, "condition", unmet))
            continue
        work.ledger = untouched.copy()
        apply(work, promotion)
        tries.append((promotion, work.ledger))
        work.ledger = untouched
        if promotion.is_stop:
            outcome.missed += [(one, "stopped", None) for one in found[place + 1 :]]
            break
    lines = len(untouched.goods)
    best: list[tuple[Promotion, Ledger] | None] = [None] * lines
    for line in range(lines):
        most = 0
        for promotion, ledger in tries:
            if ledger.subtotal[line] - ledger.total[line] > most:
                most, best[line] = ledger.subtotal[line] - ledger.total[line], (promotion, ledger)
    for promotion, ledger in tries:
        won = [line for line in range(lines) if (taken := best[line]) is not None and taken[0] is promotion]
        _adopt(work, ledger, won, promotion)
    outcome.applied = [promotion for promotion, _ in tries]
    outcome.shipping = outcome.applied
    outcome.is_giving_only = True


def _adopt(work: Work, tried: Ledger, won: list[int], promotion: Promotion) -> None:
    """Take over from a trial what it took off the lines it won, and the gifts it added, if they are still there."""
    ledger = work.ledger
    for line in won:
        ledger.adopt(line, tried, line)
    moved = {line: line for line in won}
    for gift in tried.gifts:
        goods, quantity, unit = tried.goods[gift], tried.quantity[gift], tried.unit[gift]
        room = work.gift_room(goods)
        if room is not None and quantity > room:
            # Each was tried alone: another one has given these units away.
            ledger.short.append(ShortGift(promotion.id, goods.id, goods.title, quantity, 0))
            continue
        moved[gift] = ledger.add(goods, quantity, unit, is_reduced=tried.reduced[gift])
        ledger.adopt(moved[gift], tried, gift)
    for booking in tried.bookings:
        kept = [(moved[line], amount) for line, amount in booking.entries() if line in moved]
        if kept:
            lines, amounts = [line for line, _ in kept], [amount for _, amount in kept]
            ledger.bookings.append(Booking(booking.source, booking.describe, lines, amounts, booking.reach))
    ledger.short += tried.short
    ledger.are_units_known(list(moved.values()))
