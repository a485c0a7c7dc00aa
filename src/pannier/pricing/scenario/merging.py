"""Two carts of a scenario made into one when somebody signs in."""

from __future__ import annotations

from pannier.pricing.scenario.shop import Cart, CartLine


def merge(own: Cart, guest: Cart, how: str) -> Cart:
    """The customer's cart with the guest's lines put in by the house rule `merge`, and the codes of both."""
    codes = own.codes + [code for code in guest.codes if code not in own.codes]
    method = own.method or guest.method
    if how == "use_existing" or (how == "use_guest_if_existing_empty" and own.lines):
        return Cart(own.lines, codes, method)
    if how in ("use_guest", "use_guest_if_existing_empty"):
        return Cart(guest.lines, codes, method)
    lines = list(own.lines)
    for line in guest.lines:
        mine = own.find(line.product, line.options)
        if mine is None:
            lines.append(line)
        else:
            mine.quantity = _quantity(how, mine, line)
    return Cart(lines, codes, method)


def _quantity(how: str, mine: CartLine, guests: CartLine) -> int:
    if how == "sum":
        return mine.quantity + guests.quantity
    return max(mine.quantity, guests.quantity) if how == "max" else guests.quantity
