"""Whether a code may be put on a basket, and which codes are on it then."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import NamedTuple

from pannier.pricing.book import BasketRequest
from pannier.pricing.conditions import FirstOrder, NthOrder
from pannier.pricing.promotions import Promotion, Reason
from pannier.pricing.work import Work

#: What a shopper is told of a code, by reason.
COUPON_TEXTS = {
    "unknown": "There is no code {code}. Check how it is written.",
    "already_applied": "The code {code} is on the cart already.",
    "inactive": "The code {code} is not in use at the moment.",
    "not_started": "The code {code} is not valid yet.",
    "expired": "The code {code} is no longer valid.",
    "usage_limit": "The code {code} has been used as often as it may be.",
    "customer_limit": "You have used the code {code} as often as you may.",
    "not_applicable": "The code {code} does not apply to this cart as it is.",
    "not_present": "The code {code} is not on the cart.",
}


class CouponAnswer(NamedTuple):
    """The codes on the basket after a code was entered, or why it was refused and they stay as they were."""

    codes: frozenset[str]
    reason: Reason | None
    code: str | None = None


def enter_coupon(request: BasketRequest, text: str) -> CouponAnswer:
    """Try a code on a basket, whose conditions are looked at as if there were no promotion.

    The first reason that fits is told, in the order of `Reason`. An exclusive promotion's code stands alone: it
    takes all others off, and while it is there all others are refused.
    """
    book, codes = request.book, request.codes
    code = book.code(text)
    if code is None:
        return CouponAnswer(codes, "unknown")
    if code in codes:
        return CouponAnswer(codes, "already_applied", code)
    own = _promotions_of(request, code)
    reasons = [_refusal(request, promotion, code) for promotion in own]
    accepted = [promotion for promotion, reason in zip(own, reasons, strict=True) if reason is None]
    if not accepted:
        return CouponAnswer(codes, reasons[0], code)
    alone = any(promotion.is_exclusive for promotion in accepted)
    return CouponAnswer(frozenset({code}) if alone else codes | {code}, None, code)


def _promotions_of(request: BasketRequest, code: str) -> list[Promotion]:
    return [one for one in request.book.promotions if any(coupon.code == code for coupon in one.coupons or ())]


def _refusal(request: BasketRequest, promotion: Promotion, code: str) -> Reason | None:
    reason = promotion.refusal(request.on)
    if reason is not None:
        return reason
    for coupon in promotion.coupons or ():
        if coupon.code == code and (reason := coupon.refusal(request.on, request.shopper)) is not None:
            return reason
    others = [one for other in request.codes for one in _promotions_of(request, other)]
    if any(one.is_exclusive for one in others):
        return "not_applicable"
    work = Work(dataclasses.replace(request, codes=frozenset()))
    has_reduced_line = any(work.ledger.reduced)
    if promotion.code_refusal({code}, request.on, request.shopper, has_reduced_line=has_reduced_line) is not None:
        return "not_applicable"
    return None if promotion.unmet(work) is None else "not_applicable"


def codes_used_up(request: BasketRequest) -> frozenset[str]:
    """The codes on a basket that its customer has used as often as she may: they leave it once she is known."""
    return frozenset(
        coupon.code
        for promotion in request.book.promotions
        for coupon in promotion.coupons or ()
        if coupon.code in request.codes
        and coupon.per_customer is not None
        and coupon.uses_of(request.shopper) >= coupon.per_customer
    )


def asks_for_nth_order(request: BasketRequest, promotion_ids: Collection[str]) -> bool:
    """Whether any of these promotions is for an order of a certain number."""
    return any(
        isinstance(condition, (NthOrder, FirstOrder))
        for promotion in request.book.promotions
        if promotion.id in promotion_ids
        for condition in promotion.conditions
    )
