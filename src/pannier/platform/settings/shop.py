"""What the shop is and sells, and when stock moves."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator

from pannier.kernel.money import minor_digits
from pannier.platform.settings.base import SettingsPart

HoldAt = Literal["add", "checkout", "order", "payment", "immediate"]
CommitAt = Literal["order", "payment", "fulfilment"]


class ShopSettings(SettingsPart):
    """The shop, its checkout, and its stock."""

    # Shop
    shop_name: str = Field(
        "Atelier Nord", min_length=1, max_length=60, description="Name of the shop, as its pages show it."
    )
    shop_details: str = Field(
        "",
        max_length=1000,
        description="What stands under the shop's name on invoices and packing slips: its address, tax id and what "
        r"else the law wants; a new line is \n.",
    )
    currency: str = Field("USD", description="ISO 4217 code of the prices of the default price list.")
    channel: str = Field("default", description="Sales channel of shoppers who name none.")
    tax_percent: Decimal = Field(Decimal(0), ge=0, le=100, description="Tax on goods, in percent.")
    tax_included: bool = Field(False, description="Whether prices contain the tax; else it is added.")
    shipping_flat_minor: int = Field(0, ge=0, description="What shipping costs, in minor units.")
    shipping_free_from_minor: int | None = Field(None, ge=0, description="Goods total that ships free, in minor units.")
    shipping_free_operator: Literal["gte", "gt"] = Field(
        "gte", description="Whether exactly that total ships free (gte) or only more (gt)."
    )
    standard_shipping: bool = Field(
        True,
        description="Whether this charge counts as long as no way of shipping of the shop's own is in use; false: "
        "nothing can be shipped then.",
    )
    guest_checkout: bool = Field(True, description="Whether a guest may order; else LOGIN_REQUIRED.")

    # Checkout
    checkout_ttl_s: float = Field(3600.0, gt=0, description="Seconds after which an unfinished checkout expires.")
    checkout_requires: tuple[Literal["email", "shipping_address"], ...] = Field(
        ("email", "shipping_address"),
        description='What a shopper must tell, as JSON: ["email", "shipping_address"]; the address only for goods '
        "that are shipped.",
    )
    checkout_steps: Literal["free", "ordered"] = Field(
        "free",
        description="Whether shoppers tell address, shipping and payment in any order, or one after the other "
        "(STEP_MISSING for what comes too early).",
    )
    checkout_repeat: Literal["answer", "refuse"] = Field(
        "answer", description="Completing a checkout that is completed: answer its order, or CHECKOUT_CLOSED."
    )
    checkout_busy: Literal["wait", "refuse"] = Field(
        "wait",
        description="Completing a checkout while another request does: wait for it, or COMPLETION_IN_PROGRESS at once.",
    )
    skip_single_shipping: bool = Field(
        False, description="Whether the only available shipping method is chosen by itself when its step comes."
    )
    skip_single_payment: bool = Field(
        False, description="Whether the only payment method is chosen by itself when its step comes."
    )

    # Orders
    return_days: int = Field(
        30, ge=0, le=36_500, description="Days after its parcel left that a customer may ask to send goods back."
    )

    # Stock
    hold_at: HoldAt = Field("add", description="When units are promised to a shopper; immediate takes them at once.")
    commit_at: CommitAt = Field("order", description="When promised units leave the house.")
    hold_ttl_s: float = Field(900.0, gt=0, description="Seconds that a hold lasts; activity extends it.")
    hold_cap_s: float = Field(7200.0, gt=0, description="Seconds after which activity no longer extends a hold.")
    short_stock: Literal["refuse", "partial"] = Field(
        "refuse", description="Above what is available: refuse, or take what is there and say so."
    )
    short_set: Literal["as_add", "refuse", "clamp"] = Field(
        "as_add",
        description="A quantity set above what is available: as short_stock says, refuse, or set what is there, "
        "even if it is less than before (0 removes the line), and say so.",
    )
    negative_add: Literal["refuse", "lower"] = Field(
        "refuse", description="Adding a negative number of units: refuse, or take them away, at most to nothing."
    )
    hold_expired: Literal["flag", "save"] = Field(
        "flag",
        description="A line whose hold ran out, at the next write: hold it again or flag it, or save it for later.",
    )
    over_limit: Literal["refuse", "clamp", "clamp_added"] = Field(
        "refuse",
        description="Above a quantity limit: refuse, clamp to it, or clamp_added: adding above what may be of one"
        " product takes what is allowed, and everything else is refused.",
    )
    stock_sweep_interval_s: float = Field(15.0, gt=0, description="Seconds between sweeps of holds that ran out.")

    # Keeping
    idempotency_ttl_hours: float = Field(24.0, gt=0, description="Hours that the answer to an Idempotency-Key is kept.")
    event_ttl_days: float = Field(
        30.0, gt=0, description="Days that an event stays in the outbox once every consumer has it."
    )

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        minor_digits(value)
        return value
