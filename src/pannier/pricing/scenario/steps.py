"""What happens in a scenario: one function per operation, found by its name in `STEPS`.

A refused operation raises RefusedError and changes nothing; the next one is still carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pannier.pricing.coupons import codes_used_up, enter_coupon
from pannier.pricing.methods import Flat
from pannier.pricing.scenario import vocabulary
from pannier.pricing.scenario.merging import merge
from pannier.pricing.scenario.products import Product
from pannier.pricing.scenario.shop import Cart, CartLine, ScenarioShop
from pannier.pricing.scenario.source import Source
from pannier.pricing.work import Work


class RefusedError(Exception):
    """An operation that was refused; `entry` is what is told of it."""

    def __init__(self, kind: str, **details: Any) -> None:
        super().__init__(kind)
        self.entry = {"kind": kind} | details


class Step:
    """One operation: who acts, on whose cart, and with what."""

    def __init__(self, shop: ScenarioShop, source: Source) -> None:
        self.shop = shop
        self.source = source
        self.who = source.text("by", "me")
        self.owner = source.text("cart_of", self.who)
        self.channel = source.text_or_none("channel") or shop.channel
        #: What is told although the step was carried out.
        self.notices: list[dict[str, Any]] = []
        self.viewed: dict[str, int] | None = None

    @property
    def cart(self) -> Cart:
        return self.shop.cart(self.owner, self.channel)

    def product(self) -> Product | None:
        return self.shop.products.get(self.source.text("product"))

    def options(self) -> dict[str, Any]:
        inner = self.source.object("options")
        return {} if inner is None else dict(inner.fields)

    def known_product(self) -> Product:
        found = self.product()
        if found is None:
            raise self.source.fail("product", f"{self.source.text('product')!r} is not among the products")
        return found


def run_step(step: Step) -> None:
    """Carry out an operation. Raises RefusedError, and ScenarioError for one that is none."""
    operation = STEPS[step.source.choice("op", tuple(STEPS))]
    if step.owner != step.who and step.owner in step.shop.registered:
        raise RefusedError("forbidden")
    operation(step)
    step.source.done("op", "by", "cart_of", "channel")


# The cart


def add(step: Step) -> None:
    shop, cart = step.shop, step.cart
    product, options = step.product(), step.options()
    wanted = step.source.whole("qty", 1)
    if product is None or not product.is_sold_in(step.channel):
        raise RefusedError("unknown_product")
    if shop.price_of(product, step.channel) is None:
        raise RefusedError("no_price")
    line = cart.find(product.id, options)
    if wanted < 0 and shop.cart_rules["negative_add"] == "clamp_to_zero":
        if line is not None:
            _set(cart, line, max(0, line.quantity + wanted))
        return
    if wanted < 1:
        raise RefusedError("invalid_quantity")
    units = _within_line_limit(shop, cart, product, wanted)
    units, notice = _within_stock(shop, cart, product, units)
    if shop.max_cart_qty is not None and cart.units + units > shop.max_cart_qty:
        raise RefusedError("quantity_limit")
    if product.currency is not None and product.currency not in (shop.base_currency, shop.currency):
        raise RefusedError("currency_mismatch")
    if units:
        _put(step, product, options, line, units)
    if notice is not None:
        step.notices.append(notice)


def _within_line_limit(shop: ScenarioShop, cart: Cart, product: Product, wanted: int) -> int:
    have = cart.units_of(product.id)
    limits = [limit for limit in (product.max_qty, shop.max_line_qty) if limit is not None]
    if limits and have + wanted > min(limits):
        if shop.cart_rules["over_limit_add"] == "reject":
            raise RefusedError("quantity_limit")
        return max(0, min(limits) - have)
    return wanted


def _within_stock(shop: ScenarioShop, cart: Cart, product: Product, wanted: int) -> tuple[int, dict[str, Any] | None]:
    saleable = shop.saleable(product)
    fits = None if saleable is None else max(0, saleable - cart.units_of(product.id))
    if fits is None or wanted <= fits:
        return wanted, None
    entry = {"kind": "insufficient_stock", "product": product.id, "available": fits}
    if shop.cart_rules["short_add"] == "reject":
        raise RefusedError(**entry)  # type: ignore[arg-type] # its first key is the kind
    return fits, entry


def _put(step: Step, product: Product, options: dict[str, Any], line: CartLine | None, units: int) -> None:
    shop, cart = step.shop, step.cart
    if line is not None:
        line.quantity += units
        return
    shop.lines_made += 1
    line = CartLine(product.id, options, units, shop.lines_made)
    cart.lines.append(line)
    own = [each for each in cart.lines if each.product == product.id]
    work = Work(shop.request(step.owner, step.channel, own))
    line.first_unit_minor = work.ledger.unit[-1]
    if shop.cart_rules["price_change"] == "keep_original":
        line.fixed_minor = work.shelf(work.ledger.goods[-1]).unit_price_minor


def _set(cart: Cart, line: CartLine, units: int) -> None:
    line.quantity = units
    if not units:
        cart.lines.remove(line)


def set_qty(step: Step) -> None:
    shop, cart = step.shop, step.cart
    wanted = step.source.whole("qty")
    line = cart.find(step.source.text("product"), step.options())
    if line is None:
        raise RefusedError("line_not_found")
    if wanted < 0:
        raise RefusedError("invalid_quantity")
    product = shop.products[line.product]
    others = cart.units_of(product.id) - line.quantity
    limits = [limit for limit in (product.max_qty, shop.max_line_qty) if limit is not None]
    if wanted and limits and others + wanted > min(limits):
        raise RefusedError("quantity_limit")
    saleable = shop.saleable(product)
    fits = None if saleable is None else max(0, saleable - others)
    if fits is not None and wanted > fits:
        entry = {"kind": "insufficient_stock", "product": product.id, "available": fits}
        if shop.cart_rules["on_short_set"] == "reject":
            raise RefusedError(**entry)  # type: ignore[arg-type] # its first key is the kind
        step.notices.append(entry)
        wanted = fits
    if shop.max_cart_qty is not None and wanted and cart.units - line.quantity + wanted > shop.max_cart_qty:
        raise RefusedError("quantity_limit")
    _set(cart, line, wanted)


def remove(step: Step) -> None:
    line = step.cart.find(step.source.text("product"), step.options())
    if line is None:
        raise RefusedError("line_not_found")
    step.cart.lines.remove(line)


def clear(step: Step) -> None:
    step.cart.lines.clear()


def coupon(step: Step) -> None:
    answer = enter_coupon(step.shop.request(step.owner, step.channel), step.source.text("code"))
    if answer.reason is not None:
        raise RefusedError("coupon_rejected", reason=answer.reason)
    assert answer.code is not None
    step.cart.codes = [code for code in step.cart.codes if code in answer.codes] + [answer.code]


def coupon_remove(step: Step) -> None:
    code = step.shop.book.code(step.source.text("code"))
    if code not in step.cart.codes:
        raise RefusedError("coupon_rejected", reason="not_present")
    step.cart.codes.remove(code)


def zone(step: Step) -> None:
    step.shop.visitor(step.owner).zone = step.source.text_or_none("zone")


def customer(step: Step) -> None:
    inner = step.source.object("customer")
    step.shop.visitor(step.owner).shopper = None if inner is None else vocabulary.shopper_of(inner)
    gone = codes_used_up(step.shop.request(step.owner, step.channel))
    step.cart.codes = [code for code in step.cart.codes if code not in gone]


def ship(step: Step) -> None:
    method = step.source.text("method")
    quoted = step.shop.quote(step.owner, step.channel)
    assert quoted.shipping is not None
    if method not in quoted.shipping.available:
        raise RefusedError("shipping_not_available")
    step.cart.method = method


def login(step: Step) -> None:
    shop = step.shop
    guest, own = shop.cart("visitor", step.channel), shop.cart(step.who, step.channel)
    shop.carts[step.who, step.channel] = merge(own, guest, shop.cart_rules["merge"])
    shop.carts.pop(("visitor", step.channel))


def logout(step: Step) -> None:
    step.shop.carts.pop(("visitor", step.channel), None)


def view(step: Step) -> None:
    step.viewed = {}
    for line in step.cart.lines:
        step.viewed[line.product] = step.viewed.get(line.product, 0) + line.quantity


# Outside the cart


def clock(step: Step) -> None:
    step.shop.now = step.source.day("at")


def wait(step: Step) -> None:
    step.shop.minutes += step.source.whole("minutes", least=0)


def set_price(step: Step) -> None:
    product = step.known_product()
    changed = product.changed(step.source.path, price=step.source.amount_or_none("price"))
    step.shop.products[product.id] = changed


def set_product(step: Step) -> None:
    product, inner = step.known_product(), step.source.object("fields")
    if inner is not None:
        step.shop.products[product.id] = product.changed(inner.path, **inner.fields)


def set_rate(step: Step) -> None:
    name, percent = step.source.text("rate"), step.source.number("percent")
    rates = step.shop.book.tax_rates
    _must_be(step, "rate", name, [rate.id for rate in rates])
    step.shop.change_book(
        tax_rates=tuple([replace(rate, percent=percent) if rate.id == name else rate for rate in rates])
    )


def set_shipping_fee(step: Step) -> None:
    name, amount = step.source.text("method"), step.source.amount("amount")
    methods = step.shop.book.shipping_methods
    _must_be(step, "method", name, [method.id for method in methods])
    step.shop.change_book(
        shipping_methods=tuple([replace(one, charge=Flat(amount)) if one.id == name else one for one in methods])
    )


def set_exchange(step: Step) -> None:
    step.shop.exchange[step.source.text("pair")] = step.source.number("rate")


def disable(step: Step) -> None:
    shop, name = step.shop, step.source.text("id")
    kinds = ("product", "shipping_method", "payment_method", "promotion", "price_rule")
    match step.source.choice("what", kinds):
        case "product":
            _must_be(step, "id", name, list(shop.products))
            shop.products[name] = shop.products[name].changed(step.source.path, enabled=False)
        case "shipping_method":
            shop.change_book(
                shipping_methods=tuple(
                    [replace(one, is_enabled=one.is_enabled and one.id != name) for one in shop.book.shipping_methods]
                )
            )
        case "promotion":
            shop.change_book(
                promotions=tuple(
                    [replace(one, is_active=one.is_active and one.id != name) for one in shop.book.promotions]
                )
            )
        case "price_rule":
            shop.change_book(price_rules=tuple([one for one in shop.book.price_rules if one.id != name]))
        case _:
            pass


def other_buys(step: Step) -> None:
    product = step.known_product()
    left = product.on_hand - step.source.units("qty", 1)
    step.shop.products[product.id] = product.changed(step.source.path, on_hand=left)


def other_uses(step: Step) -> None:
    code = step.shop.book.code(step.source.text("code"))
    promotions = []
    for promotion in step.shop.book.promotions:
        if any(one.code == code for one in promotion.coupons or ()):
            coupons = tuple(
                [replace(one, used=one.used + 1) if one.code == code else one for one in promotion.coupons or ()]
            )
            promotion = replace(promotion, coupons=coupons, used=promotion.used + 1)
        promotions.append(promotion)
    step.shop.change_book(promotions=tuple(promotions))


def _must_be(step: Step, name: str, wanted: str, there: list[str]) -> None:
    if wanted not in there:
        raise step.source.fail(name, f"{wanted!r} is not there")


#: Every operation that needs nothing but prices.
STEPS: Mapping[str, Callable[[Step], None]] = {
    each.__name__: each
    for each in (
        *(add, set_qty, remove, clear, coupon, coupon_remove, zone, customer, ship, login, logout, view),
        *(clock, wait, set_price, set_product, set_rate, set_shipping_fee, set_exchange, disable),
        *(other_buys, other_uses),
    )
}
