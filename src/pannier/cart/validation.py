"""What stands against buying a cart as it is, and what its shopper has to agree to first. Pure.

Existence, status, price, stock and limits are looked at line by line. Each finding says how bad it is (error: cannot be
bought so; warning: must be agreed to; info: nothing to do), what it is, and what to do. Agreeing is bound to exactly
what was shown: the token is a digest of the findings and their figures, worked out anew when it comes back, so it
needs no storing and stands for nothing else.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from pannier.cart.basket import asked_of, figures_of, price_when_added, priced
from pannier.cart.charged import ViewRules, charged_price, is_for_sale
from pannier.cart.document import CartDocument, LineDocument
from pannier.cart.models import Change

Severity = Literal["error", "warning", "info"]
Action = Literal["remove", "reduce", "accept", "wait", "add"]


class Finding(msgspec.Struct, frozen=True):
    """One thing about one line; `item_id` null is about the whole cart.

    Codes: PRODUCT_UNAVAILABLE, INSUFFICIENT_STOCK, LIMIT_EXCEEDED, EMPTY_CART (error), PRICE_CHANGED (warning),
    HOLD_EXPIRED (info).
    """

    item_id: uuid.UUID | None
    variant_id: str | None
    severity: Severity
    code: str
    message: str
    action: Action
    details: dict[str, Any]


class Validation(msgspec.Struct, frozen=True):
    """A cart's findings. `consent_token` stands for agreeing to all of them; null for none."""

    cart_id: str | None
    version: int
    is_valid: bool
    needs_consent: bool
    consent_token: str | None
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Limits:
    """Most units of one variant, and of a cart; 0 is no limit."""

    each: int
    cart: int


def validate(document: CartDocument | None, rules: ViewRules, limits: Limits) -> Validation:
    """The findings of a cart; one that is not there is an empty one."""
    lines = [] if document is None else document.lines or []
    if document is None or not lines:
        empty = Finding(None, None, "error", "EMPTY_CART", "Put something into the cart.", "add", {})
        cart_id, version = (None, 0) if document is None else (document.id, document.version)
        return Validation(cart_id, version, False, False, None, [empty])
    found = _findings(document, lines, rules, limits)
    token = consent_token(document.id, found)
    is_valid = not any(finding.severity == "error" for finding in found)
    return Validation(document.id, document.version, is_valid, token is not None, token, found)


def consent_token(cart_id: str, findings: Sequence[Finding]) -> str | None:
    """What stands for agreeing to these findings, and to no others; None when none asks for it."""
    shown = [
        [str(finding.item_id), finding.code, sorted(finding.details.items())]
        for finding in findings
        if finding.severity != "info" and finding.item_id is not None
    ]
    if not shown:
        return None
    return hashlib.sha256(msgspec.json.encode([cart_id, sorted(shown, key=str)])).hexdigest()


def price_finding(
    item_id: uuid.UUID, variant_id: str, name: str, before_minor: int, after_minor: int, currency: str
) -> Finding:
    """That a unit costs something else than was shown."""
    details = {"before": before_minor, "after": after_minor, "currency": currency}
    text = f"The price of {name} has changed since you added it. Look at it, and accept it to go on."
    return Finding(item_id, variant_id, "warning", "PRICE_CHANGED", text, "accept", details)


def accepting(document: CartDocument, findings: Sequence[Finding], rules: ViewRules) -> list[Change]:
    """The changes that agreeing comes to: prices as shown, as many units as there are; what is not there is saved."""
    changes: list[Change] = []
    moved = {finding.item_id for finding in findings if finding.code == "PRICE_CHANGED"}
    lines = {line.id: line for line in document.lines or () if line.id in moved}
    asked = asked_of(document, list(lines.values()), rules)
    most: dict[uuid.UUID, int] = {}
    for finding in findings:
        if finding.item_id is None or finding.severity == "info":
            continue
        if finding.code == "PRICE_CHANGED":
            changes.append(
                Change(
                    op="set",
                    line_id=finding.item_id,
                    accepted_minor=charged_price(lines[finding.item_id], rules.keeping, document.read_at),
                    shelf_minor=asked[finding.item_id].shelf_minor,
                    shown_minor=asked[finding.item_id].shown_minor,
                )
            )
        elif finding.code == "PRODUCT_UNAVAILABLE":
            changes.append(Change(op="save", line_id=finding.item_id, reason="unavailable"))
        else:
            allowed = int(finding.details["allowed"])
            most[finding.item_id] = min(allowed, most.get(finding.item_id, allowed))
    for line in document.lines or ():
        if most.get(line.id) == 0:
            changes.append(Change(op="save", line_id=line.id, reason="out_of_stock"))
        elif line.id in most:
            changes.append(Change(op="set", line_id=line.id, quantity=most[line.id]))
    return changes


def _findings(document: CartDocument, lines: Sequence[LineDocument], rules: ViewRules, limits: Limits) -> list[Finding]:
    found: list[Finding] = []
    promised = document.promised
    left: dict[str, int | None] = {}
    wanted: dict[str, int] = {}
    total = 0
    for line, figures in zip(lines, figures_of(document, priced(document, rules), rules), strict=True):
        name, variant = line.display.name, line.variant_id
        if not is_for_sale(line):
            text = f"{name} is no longer for sale. Remove it, or keep it for later."
            found.append(Finding(line.id, variant, "error", "PRODUCT_UNAVAILABLE", text, "remove", {}))
            continue
        now = figures.unit_price_minor
        then = price_when_added(document, line, now, rules)
        if then != now:
            found.append(price_finding(line.id, variant, name, then, now, document.currency))
        before, wanted[variant] = wanted.get(variant, 0), wanted.get(variant, 0) + line.quantity
        if variant not in left:
            left[variant] = None if line.available is None else line.available + promised.get(variant, 0)
        found += _short(line, left[variant], before) if line.is_tracked else []
        if rules.carts_hold and line.is_tracked and promised.get(variant, 0) < wanted[variant]:
            text = f"{name} is no longer reserved for you; the next change reserves it again if it is there."
            found.append(Finding(line.id, variant, "info", "HOLD_EXPIRED", text, "wait", {}))
        found += _over(line, "line_quantity", limits.each, before)
        found += _over(line, "cart_quantity", limits.cart, total)
        total += line.quantity
    return found


def _short(line: LineDocument, available: int | None, before: int) -> list[Finding]:
    """`before`: units of the variant on the lines above, which are served first."""
    if available is None or before + line.quantity <= available:
        return []
    allowed = max(0, available - before)
    text = f"Only {allowed} × {line.display.name} available, and {line.quantity} are wanted."
    details = {"requested": line.quantity, "available": available, "allowed": allowed}
    return [Finding(line.id, line.variant_id, "error", "INSUFFICIENT_STOCK", text, "reduce", details)]


def _over(line: LineDocument, limit: str, maximum: int, before: int) -> list[Finding]:
    if not maximum or before + line.quantity <= maximum:
        return []
    allowed = max(0, maximum - before)
    text = f"At most {allowed} × {line.display.name} possible here."
    details = {"limit": limit, "maximum": maximum, "requested": line.quantity, "allowed": allowed}
    return [Finding(line.id, line.variant_id, "error", "LIMIT_EXCEEDED", text, "reduce", details)]
