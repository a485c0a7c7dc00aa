"""What came of a case, section by section: a function for each, found by its name."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from pannier.cart import Cart
from pannier.cart.errors import ExchangeRateMissingError
from pannier.checkout.errors import EmptyCartError
from pannier.inventory import HeldFor, Wanted
from pannier.orders import Order
from pannier.pricing import BasketRequest, figures_of, quote
from tests.acceptance.world import ME, World


async def answer(world: World) -> dict[str, Any]:
    """Every section that this shop can tell of."""
    cart = await world.cart(ME)
    who = await actors(world)
    found: dict[str, Any] = {
        **await figures(world, ME),
        "line_count": cart.total_items,
        "total_qty": cart.total_quantity,
        "coupons": cart.coupons,
        "errors": world.errors,
        "unavailable_lines": unavailable_lines(world, cart),
        "carts": {name: plain_lines(world, await world.cart(name)) for name in who},
        "grand_by": {name: (await world.cart(name)).totals.total.amount for name in who},
        "orders": await orders(world),
        "stock": await stock(world),
        "reserved": await reserved(world),
        "state": await state(world),
        "coupon_usage": await coupon_usage(world),
    }
    if (parts := await packages(world, cart)) is not None:
        found["packages"] = parts
    if (shown := await display(world, ME)) is not None:
        found["display"] = shown
    if world.merged_by is not None:
        found["merged_cart"] = plain_lines(world, await world.cart(world.merged_by))
    if world.viewed is not None:
        found["viewed"] = world.viewed
    return found


async def figures(world: World, who: str) -> dict[str, Any]:
    """Totals, lines, promotions and shipping: of the order that was placed, else of the cart as it is."""
    if who in world.placed_by and world.is_checkout:
        return placed_figures(world, await world.services.orders.get(world.staff, world.placed_by[who]))
    request = await basket(world, who)
    found = figures_of(request, quote(request))
    compared = await world.services.price_statements.compare(world.owner(who), None)
    moved = {line.item_id: line.change.amount for line in compared.lines}
    attributes = {item.id: item.attributes for item in (await world.cart(who)).items}
    # Gifts come after the lines of the basket, and are of no line.
    for place, line in enumerate(found["lines"]):
        line_id = request.lines[place].line_id if place < len(request.lines) else None
        line["product"] = world.names_of.name("product", line["product"])
        line["options"] = {} if line_id is None else attributes.get(line_id, {})
        if line_id in moved:
            line["price_change"] = moved[line_id]
    return named(world, found)


async def display(world: World, who: str) -> dict[str, Any] | None:
    """The figures in the currency of the case, where the shop has another; None without a rate."""
    if world.given.get("base_currency") in (None, world.given["currency"]):
        return None
    try:
        shown = await world.services.displays.basket(await basket(world, who), world.given["currency"])
    except ExchangeRateMissingError:
        return None
    totals = {
        "items_subtotal": shown.totals.subtotal.amount,
        "discount_total": shown.totals.discount.amount,
        "shipping": shown.totals.shipping.amount,
        "tax_added": shown.totals.tax_added.amount,
        "grand": shown.totals.total.amount,
    }
    lines = [
        {
            "product": world.names_of.name("product", line.variant_id),
            "qty": line.quantity,
            "unit_price": line.unit_price.amount,
            "subtotal": line.subtotal.amount,
            "item_discount": line.item_discount.amount,
            "order_discount": line.order_discount.amount,
            "total": line.total_price.amount,
        }
        for line in shown.items
    ]
    return {"totals": totals, "lines": lines}


async def basket(world: World, who: str) -> BasketRequest:
    """What pricing is asked: of the shopper's checkout where there is one, else of the cart."""
    if who in world.sessions:
        asked = await world.services.checkouts.basket(world.principal(who), world.sessions[who])
        if asked is not None:
            return asked
    return await world.services.carts.basket(world.owner(who))


def named(world: World, found: dict[str, Any]) -> dict[str, Any]:
    """The figures with promotions and methods as the case calls them."""
    names = world.names_of
    # What the case has not named is not of the case: the shop's own ways of shipping.
    available = [names.name("method", one) for one in found.get("available_shipping", ())]
    return {
        **found,
        "applied": [names.name("promotion", one) for one in found["applied"]],
        "available_shipping": [name for name in available if name is not None],
        "shipping_method": names.name("method", found["shipping_method"]),
    }


def placed_figures(world: World, order: Order) -> dict[str, Any]:
    """The figures of an order, as they were frozen."""
    frozen, shipping = order.quote, order.quote["shipping"] or {}
    totals = frozen["totals"]
    lines = [
        {
            "product": world.name_of(line.variant_id),
            "qty": line.quantity,
            "options": (line.extra or {}).get("attributes", {}),
            "unit_price": line.unit_price_minor,
            "total": line.total_minor,
            "subtotal": figures["subtotal"],
            "item_discount": figures["item_discount"],
            "order_discount": figures["order_discount"],
            "unit_discounts": figures["unit_discounts"] or [0] * figures["quantity"],
            "tax_included": figures["tax_included"],
            "tax_added": figures["tax_added"],
            "price_change": figures["price_change"],
            **({} if figures["unit_net"] is None else {"unit_net": figures["unit_net"]}),
        }
        for line, figures in zip(order.lines, frozen["lines"], strict=True)
    ]
    return named(
        world,
        {
            "totals": {
                "items_subtotal": totals["subtotal_minor"],
                "item_discounts": totals["item_discount_minor"],
                "order_discounts": totals["order_discount_minor"],
                "discount_total": totals["discount_minor"],
                "shipping_full": shipping.get("full", 0),
                "shipping_discount": shipping.get("discount", 0),
                "shipping": totals["shipping_minor"],
                "tax_added": totals["tax_added_minor"],
                "tax_included": totals["tax_included_minor"],
                "shipping_tax_added": shipping.get("tax_added", 0),
                "shipping_tax_included": shipping.get("tax_included", 0),
                "grand": totals["total_minor"],
                "net": totals["net_minor"],
            },
            "lines": lines,
            "applied": [one["id"] for one in frozen["promotions"]],
            "shipping_method": shipping.get("method"),
            "tax_ground": frozen["tax_ground"],
        },
    )


async def state(world: World) -> dict[str, Any]:
    """Of the shopper's cart, and of everybody's orders."""
    placed, _ = await world.services.orders.list_all(limit=100, placed_from=world.begun_at)
    found = {"cart": "placed" if ME in world.placed_by else "open", "orders": len(placed)}
    return found if ME in world.placed_by else {**found, "next_step": await next_step(world)}


async def next_step(world: World) -> str:
    """What the shopper's checkout asks for; it begins here where there is none."""
    principal = world.principal(ME)
    try:
        session = world.sessions.get(ME) or (await world.services.checkouts.create_checkout(principal)).id
    except EmptyCartError:
        return "cart"
    step: str = (await world.services.checkouts.get(principal, session))["next_step"]
    return step


async def coupon_usage(world: World) -> dict[str, int]:
    """Uses of each code, as staff see them."""
    found = {}
    for kind, code in world.records:
        if kind == "coupon":
            found[code] = (await world.services.coupons.get(world.records[kind, code]))["used"]
    return found


async def actors(world: World) -> list[str]:
    """Everybody who acts in the case."""
    named = [step.get("by", ME) for step in world.case.get("when") or ()]
    return list(dict.fromkeys([ME, *named]))


def plain_lines(world: World, cart: Cart) -> list[dict[str, Any]]:
    return [
        {"product": world.name_of(item.variant_id), "qty": item.quantity, "options": item.attributes}
        for item in cart.items
    ]


def unavailable_lines(world: World, cart: Cart) -> list[str]:
    return [world.name_of(item.variant_id) for item in cart.items if "unavailable" in item.availability.flags]


async def orders(world: World) -> dict[str, str]:
    states = {}
    for name, number in world.orders.items():
        order = await world.services.orders.get(world.staff, number)
        states[name] = "cancelled" if order.status == "canceled" else "placed"
    return states


async def stock(world: World) -> dict[str, dict[str, Any]]:
    """`held` is what orders are promised; those that a case begins with are another system's."""
    variants = list(world.variants.values())
    async with world.services.db.read() as connection:
        levels = await world.services.inventory.get_levels(connection, variants)
    held_for = await world.services.inventory.held_for(variants)
    return {
        world.name_of(variant): {
            "on_hand": level.on_hand,
            "held": held_for.get(variant, HeldFor()).for_good,
            "saleable": level.available,
        }
        for variant, level in levels.items()
    }


async def packages(world: World, cart: Cart) -> int | None:
    """How many locations it takes; None where nothing of the cart is kept by location."""
    wanted = [Wanted(uuid.UUID(item.variant_id), item.quantity) for item in cart.items]
    return (await world.services.places.packages(wanted)) or None if wanted else None


async def reserved(world: World) -> dict[str, int]:
    held_for = await world.services.inventory.held_for(list(world.variants.values()))
    return {world.name_of(variant): held.for_carts for variant, held in held_for.items()}


def as_json(result: dict[str, Any]) -> str:
    """A result as one line."""
    return msgspec.json.Encoder(decimal_format="number").encode(result).decode()
