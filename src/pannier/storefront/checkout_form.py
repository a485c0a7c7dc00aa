"""The checkout's form: its fields, how they are read, and what is said of those that are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pannier.checkout import CheckoutPatch
from pannier.kernel.errors import PannierError
from pannier.storefront.forms import Form
from pannier.storefront.texts import money


@dataclass(frozen=True, slots=True)
class Field:
    """A line of the form. `autocomplete` is the name by which browsers fill it in."""

    name: str
    label: str
    autocomplete: str
    is_required: bool = True
    kind: str = "text"
    length_max: int = 200
    is_half: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong. `field` is the id of the control it is about; empty for the whole form."""

    field: str
    message: str


ADDRESS_FIELDS = (
    Field("name", "Full name", "shipping name"),
    Field("line1", "Address", "shipping address-line1"),
    Field("line2", "Apartment, floor", "shipping address-line2", is_required=False),
    Field("postal_code", "Postal code", "shipping postal-code", length_max=40, is_half=True),
    Field("city", "City", "shipping address-level2", is_half=True),
    Field("region", "State or region", "shipping address-level1", is_required=False),
    Field("country", "Country", "shipping country", kind="select", length_max=2),
    Field("phone", "Phone", "shipping tel", is_required=False, kind="tel", length_max=40),
)
_ESTIMATED = frozenset({"country", "region", "postal_code"})
_EMPTY: Mapping[str, str] = {
    "email": "Enter your e-mail address.",
    "name": "Enter the name of whoever receives the parcel.",
    "line1": "Enter the street and number.",
    "postal_code": "Enter the postal code.",
    "city": "Enter the city.",
    "country": "Choose the country.",
}
_WRONG: Mapping[str, str] = {
    "email": "Enter an e-mail address like jane@example.com.",
    "country": "Choose a country of the list.",
    "payment_method": "Choose one of the ways to pay.",
}
# Where in the form what a refusal names is put right.
_PLACES: Mapping[str, str] = {
    "email": "email",
    "shipping_address": "name",
    "shipping_method": "shipping_method",
    "gift_cards": "gift_card",
    "coupons": "coupons",
    "payment_method": "payment_method",
}
#: Refusals that are told to programs in terms that no shopper needs.
_TOLD: Mapping[str, str] = {
    "TOTAL_CHANGED": "The total has changed: it is {total} now. Look at it, then order.",
    "PROMOTION_CHANGED": "What is taken off has changed: the total is {total} now. Look at it, then order.",
    "SHIPPING_NOT_AVAILABLE": "It cannot be shipped there this way. Choose another one.",
}


def values_of(form: Form) -> dict[str, str]:
    """Every field of ours as it was written."""
    names = [field.name for field in ADDRESS_FIELDS] + ["email", "payment_method", "note"]
    return {name: form.text(name) for name in [*names, "shipping_method", "gift_card", "store_credit", "points"]}


def has_address(form: Form) -> bool:
    """Whether an address was begun, beyond what the cart's estimate has filled in."""
    return any(form.text(field.name) for field in ADDRESS_FIELDS if field.name not in _ESTIMATED)


def patch_of(form: Form, *, needs_email: bool, needs_address: bool) -> tuple[CheckoutPatch | None, list[Fault]]:
    """What the form tells the checkout; None, and what is wrong with it, when something is."""
    told: dict[str, Any] = {"email": form.text("email") or None, "note": form.text("note") or None}
    if form.text("payment_method"):
        told["payment_method"] = form.text("payment_method")
    # A box that is not ticked is not sent, so the form says which it has.
    if form.text("offers_store_credit"):
        told["store_credit"] = form.text("store_credit") == "1"
    if form.text("offers_points"):
        told["points"] = 0 if form.text("points") == "1" else None
    faults = [Fault("email", _EMPTY["email"])] if needs_email and not told["email"] else []
    if needs_address:
        address = {field.name: form.text(field.name) for field in ADDRESS_FIELDS}
        told["shipping_address"] = {name: value for name, value in address.items() if value}
    try:
        patch = CheckoutPatch.model_validate(told)
    except ValidationError as error:
        faults += [_fault(entry) for entry in error.errors()]
        return None, _in_order(faults)
    return (None, faults) if faults else (patch, [])


def faults_of(refusal: PannierError) -> list[Fault]:
    """What a refused order lacks; one fault of the whole form where no field is to blame."""
    message = refusal.message
    if refusal.error in _TOLD:
        total = refusal.details.get("total")
        message = _TOLD[refusal.error].format(total=total and money(total["amount"], total["currency"]))
    requirements = refusal.details.get("requirements") or [{"field": refusal.field or "", "message": message}]
    return [Fault(_place(str(entry["field"])), str(entry["message"])) for entry in requirements]


def _place(field: str) -> str:
    return _PLACES.get(field.partition(".")[0], "")


def _fault(entry: Mapping[str, Any]) -> Fault:
    name = str(entry["loc"][-1])
    if entry["type"] in {"missing", "string_too_short"} and name in _EMPTY:
        return Fault(name, _EMPTY[name])
    if entry["type"] == "string_too_long":
        return Fault(name, f"Use {entry['ctx']['max_length']} characters at most.")
    text = str(entry["msg"]).removeprefix("Value error, ")
    return Fault(name, _WRONG.get(name, f"This {text}."))


def _in_order(faults: list[Fault]) -> list[Fault]:
    order = ["email", *(field.name for field in ADDRESS_FIELDS)]
    return sorted(faults, key=lambda fault: order.index(fault.field) if fault.field in order else len(order))
