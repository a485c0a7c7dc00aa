"""What promotions refuse.

PannierError
├── PromotionNotFoundError   there is no such promotion
├── CouponNotFoundError      there is no such coupon
├── PriceRuleNotFoundError   there is no such price rule
├── GiftCardNotFoundError    there is no such gift card
├── CouponCodeTakenError     another coupon has the code, however it is written
├── LimitBelowUsedError      it was used more often than the new limit allows
├── CouponsNotNeededError    a promotion has coupons, or is to have some, and asks for none
├── CodesGuessableError      so short codes could be found by trying
├── ReferenceTakenError      another promotion has the reference
└── BalanceShortError        more is to be taken than there is
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class PromotionNotFoundError(PannierError):
    """There is no such promotion. `GET /api/v1/admin/promotions` lists them."""

    kind = ErrorKind.not_found
    error = "PROMOTION_NOT_FOUND"
    code = "PROMO_001"
    title = "There is no such promotion"


class CouponNotFoundError(PannierError):
    """There is no such coupon. `GET /api/v1/admin/coupons` lists them, and finds one by its code."""

    kind = ErrorKind.not_found
    error = "COUPON_NOT_FOUND"
    code = "PROMO_002"
    title = "There is no such coupon"


class PriceRuleNotFoundError(PannierError):
    """There is no such price rule. `GET /api/v1/admin/price-rules` lists them."""

    kind = ErrorKind.not_found
    error = "PRICE_RULE_NOT_FOUND"
    code = "PROMO_003"
    title = "There is no such price rule"


class GiftCardNotFoundError(PannierError):
    """There is no such gift card. `GET /api/v1/admin/gift-cards` lists them."""

    kind = ErrorKind.not_found
    error = "GIFT_CARD_NOT_FOUND"
    code = "PROMO_004"
    title = "There is no such gift card"


class CouponCodeTakenError(PannierError):
    """Another coupon or gift card has this code, in these letters or in others of its case. Choose another one."""

    kind = ErrorKind.conflict
    error = "COUPON_CODE_TAKEN"
    code = "PROMO_005"
    title = "The code is taken"


class LimitBelowUsedError(PannierError):
    """It was used `details.used` times already, so the limit cannot be lower. Switch it off to end it."""

    kind = ErrorKind.conflict
    error = "LIMIT_BELOW_USED"
    code = "PROMO_006"
    title = "It was used more often than that"


class CouponsNotNeededError(PannierError):
    """A promotion with coupons needs one of them on the cart: set `needs_code`, or archive the coupons first."""

    kind = ErrorKind.conflict
    error = "COUPONS_NOT_NEEDED"
    code = "PROMO_007"
    title = "The promotion asks for no code"


class CodesGuessableError(PannierError):
    """So many codes of so few characters could be found by trying. Make them longer: `details.length_min`."""

    kind = ErrorKind.unprocessable
    error = "CODES_GUESSABLE"
    code = "PROMO_008"
    title = "The codes would be too easy to guess"


class ReferenceTakenError(PannierError):
    """Another promotion has this `external_reference`. It was imported already, or the reference is wrong."""

    kind = ErrorKind.conflict
    error = "REFERENCE_TAKEN"
    code = "PROMO_009"
    title = "Another promotion has this reference"


class BalanceShortError(PannierError):
    """More would be taken than there is (`details.balance`). Take less."""

    kind = ErrorKind.conflict
    error = "BALANCE_SHORT"
    code = "PROMO_010"
    title = "The balance is not enough"
