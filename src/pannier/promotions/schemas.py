"""Promotions, price rules, coupons, gift cards and customers on the wire."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from pannier.kernel.money import AMOUNT_MAX, UnknownCurrencyError, minor_digits
from pannier.platform.fields import Name, Request, Text
from pannier.platform.record_routes import RecordDocument
from pannier.promotions.rules import CODES_MAX

_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_NOT_FILLED = r"^[^\s\x00-\x1f\x7f-\x9f]*$"


def _day(value: object) -> object:
    return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else value


def _currency(value: str) -> str:
    try:
        minor_digits(value)
    except UnknownCurrencyError as unknown:
        raise ValueError(str(unknown)) from None
    return value


Day = Annotated[date, BeforeValidator(_day)]
Definition = Annotated[
    dict[str, Any], Field(description="In the words of a scenario; see the explanation of prices, and `pannier price`.")
]
Limit = Annotated[int, Field(ge=0, le=10**12, description="May be used so often by all.")]
PerCustomer = Annotated[int, Field(ge=0, le=10**6, description="May be used so often by one customer.")]
Starts = Annotated[Day | None, Field(description="First day.")]
Ends = Annotated[Day | None, Field(description="Last day.")]
Reference = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=_LINE)]
CurrencyCode = Annotated[
    str, Field(pattern="^[A-Z]{3}$", description="ISO 4217; by default the shop's."), AfterValidator(_currency)
]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX, description="Minor units.")]
Change = Annotated[
    int,
    Field(
        ge=-AMOUNT_MAX,
        le=AMOUNT_MAX,
        description="What to add, or with a minus to take; not 0.",
        json_schema_extra={"not": {"const": 0}},
    ),
]
Reason = Annotated[str, Field(max_length=500, pattern=_LINE, description="Why; kept with the movement.")]
Group = Annotated[str, Field(min_length=1, max_length=64, pattern=_LINE)]
GroupNames = Annotated[list[Group], Field(max_length=100, description="Replaces those there were.")]


def _not_zero(value: int) -> int:
    if value == 0:
        raise ValueError("must not be 0")
    return value


class NewPromotion(Request):
    """A promotion to be made. It is off until it is activated, unless it says `is_active`."""

    name: Name
    definition: Definition
    needs_code: bool = Field(False, description="Whether one of its coupons must be on the cart.")
    is_active: bool = False
    starts: Starts = None
    ends: Ends = None
    limit: Limit | None = None
    external_reference: Reference | None = None


class PromotionChanges(Request):
    """What is to change of a promotion; `definition` replaces all of it."""

    name: Name | None = None
    definition: Definition | None = None
    needs_code: bool | None = None
    starts: Starts = None
    ends: Ends = None
    limit: Limit | None = None
    external_reference: Reference | None = None


class PromotionDocument(RecordDocument):
    """A promotion. `used` counts the orders it gave something and that stand."""

    name: str
    definition: dict[str, Any]
    needs_code: bool
    is_active: bool
    starts: date | None
    ends: date | None
    limit: int | None
    used: int
    is_exhausted: bool
    external_reference: str | None


class PromotionPage(BaseModel):
    """Some promotions, and where the next page begins."""

    promotions: list[PromotionDocument]
    next_cursor: uuid.UUID | None


class NewPriceRule(Request):
    """A price rule to be made: percent or amount off the shelf price of what its filter matches."""

    name: Name
    definition: Definition
    is_active: bool = False
    starts: Starts = None
    ends: Ends = None


class PriceRuleChanges(Request):
    """What is to change of a price rule; `definition` replaces all of it."""

    name: Name | None = None
    definition: Definition | None = None
    starts: Starts = None
    ends: Ends = None


class PriceRuleDocument(RecordDocument):
    """A price rule."""

    name: str
    definition: dict[str, Any]
    is_active: bool
    starts: date | None
    ends: date | None


class PriceRulePage(BaseModel):
    """Some price rules, and where the next page begins."""

    price_rules: list[PriceRuleDocument]
    next_cursor: uuid.UUID | None


class _CouponTerms(Request):
    promotion_id: uuid.UUID = Field(strict=False)
    starts: Starts = None
    ends: Ends = None
    per_customer: PerCustomer | None = None
    rejects_reduced_lines: bool = Field(False, description="Refused while something on the cart is reduced.")
    is_reusable_after_cancel: bool = Field(True, description="Whether a canceled order gives its use back.")


class NewCoupon(_CouponTerms):
    """A coupon to be made."""

    code: Code = Field(description="As shoppers write it, without blanks; unique in any case of its letters.")
    limit: Limit | None = None
    is_active: bool = True


class NewCoupons(_CouponTerms):
    """Coupons to be made, with random codes."""

    count: int = Field(ge=1, le=CODES_MAX)
    prefix: Annotated[str, Field(max_length=40, pattern=_NOT_FILLED)] = ""
    length: int = Field(10, ge=4, le=24, description="Random characters behind the prefix.")
    limit: Limit | None = Field(1, description="Uses of each.")


class CouponChanges(Request):
    """What is to change of a coupon; its code and its promotion stay."""

    starts: Starts = None
    ends: Ends = None
    limit: Limit | None = None
    per_customer: PerCustomer | None = None
    rejects_reduced_lines: bool | None = None
    is_reusable_after_cancel: bool | None = None


class CouponDocument(RecordDocument):
    """A coupon. `used` counts the orders it stands on; `batch_id` is of those that were made together."""

    promotion_id: uuid.UUID
    code: str
    is_active: bool
    starts: date | None
    ends: date | None
    limit: int | None
    used: int
    per_customer: int | None
    rejects_reduced_lines: bool
    is_reusable_after_cancel: bool
    batch_id: uuid.UUID | None


class CouponPage(BaseModel):
    """Some coupons, and where the next page begins."""

    coupons: list[CouponDocument]
    next_cursor: uuid.UUID | None


class CouponBatch(BaseModel):
    """Coupons that were made together."""

    batch_id: uuid.UUID
    promotion_id: uuid.UUID
    count: int


class BatchCodes(BaseModel):
    """The codes of coupons that were made together, in the order of the alphabet."""

    batch_id: uuid.UUID
    codes: list[str]


class NewGiftCard(Request):
    """A gift card to be made."""

    amount: Amount
    currency: CurrencyCode | None = None
    code: Code | None = Field(None, description="Of a card that is printed already; by default a random one.")
    ends: Ends = None
    note: Text = Field("", max_length=500)


class GiftCardChanges(Request):
    """What is to change of a gift card."""

    ends: Ends = None
    note: Annotated[Text, Field(max_length=500)] | None = None


class BalanceChange(Request):
    """What somebody puts in or takes out, and why."""

    amount: Annotated[Change, AfterValidator(_not_zero)]
    reason: Reason = ""


class CreditChange(BalanceChange):
    """The same, in a currency."""

    currency: CurrencyCode | None = None


class PurseDocument(RecordDocument):
    """A balance to pay from, in minor units of its currency, or points of none. Of a gift card's code only the end."""

    kind: Literal["gift_card", "store_credit", "points"]
    currency: str | None
    code_end: str | None
    balance: int
    is_active: bool
    ends: date | None
    note: str


class NewGiftCardDocument(PurseDocument):
    """A gift card that was just made; its code is told here and never again."""

    code: str


class MovementDocument(BaseModel):
    """One row of a purse's ledger."""

    version: int
    kind: Literal["issue", "charge", "refund", "earn", "adjust"]
    amount: int
    balance_before: int
    balance_after: int
    order_id: uuid.UUID | None
    reason: str
    actor: str
    at: datetime


class PurseWithMovements(PurseDocument):
    """A purse and its ledger, the newest movement first."""

    movements: list[MovementDocument]


class GiftCardPage(BaseModel):
    """Some gift cards, and where the next page begins."""

    gift_cards: list[PurseDocument]
    next_cursor: uuid.UUID | None


class CustomerPurses(BaseModel):
    """What a customer can pay with beside money."""

    purses: list[PurseWithMovements]


class CustomerChanges(Request):
    """What is to change of a customer, as far as prices go."""

    groups: GroupNames | None = None
    kind: Literal["individual", "business"] | None = None
    tax_id: Annotated[str, Field(min_length=1, max_length=40, pattern=_LINE)] | None = None
    is_tax_id_valid: bool | None = Field(None, description="Whether somebody has checked it. False for a new tax id.")
    is_tax_exempt: bool | None = None


class CustomerDocument(BaseModel):
    """What prices know of a customer; version 0 where nothing was said yet."""

    user_id: str
    groups: list[str]
    kind: Literal["individual", "business"]
    tax_id: str | None
    is_tax_id_valid: bool
    is_tax_exempt: bool
    version: int
    created_at: datetime | None
    updated_at: datetime | None


class AuditEntry(BaseModel):
    """A change of something that makes prices: by whom, when, and from what to what."""

    id: uuid.UUID
    at: datetime
    actor: str
    device: str | None
    correlation_id: str | None
    subject_kind: str
    subject_id: str
    subject_name: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """Some changes, the newest first, and where the next page begins."""

    entries: list[AuditEntry]
    next_cursor: uuid.UUID | None


#: Fields that null takes back; null for any other is as if it were left out.
_NULLABLE = frozenset({"starts", "ends", "limit", "per_customer", "external_reference", "tax_id"})


def changes_of(body: Request) -> dict[str, Any]:
    """What the body says is to change."""
    return {
        name: getattr(body, name)
        for name in body.model_fields_set
        if name in _NULLABLE or getattr(body, name) is not None
    }
