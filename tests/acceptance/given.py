"""The shop of a case, built by the services: a function for each part, called in this order."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pannier.app.catalogue_stock import CatalogueStock
from pannier.cart import CartService, Change, Command, MergeRequest, add
from pannier.catalog import CatalogService, Cause
from pannier.catalog.models import NewProduct, NewVariant
from pannier.inventory import BackorderBound, Location, StockSettings, Wanted
from pannier.inventory import Cause as StockCause
from pannier.platform.database import Connection
from tests.acceptance import given_history, given_prices
from tests.acceptance.naming import COUNTRIES
from tests.acceptance.world import ME, VISITOR, World

STAFF = Cause(actor="staff")
SETTING_UP = StockCause("staff", "as the case says")
FOR_EVER = timedelta(days=36_500)
ENOUGH = 1_000_000


#: What the shop calls the ways to pay of a case, by their order; it has no more that ask nobody.
_PAYMENTS = ("invoice", "cash_on_delivery", "bank_transfer", "pay_at_pickup")


def payment_code(given: Mapping[str, Any], name: str) -> str:
    """What the shop calls a way to pay; one that the case does not list it does not know."""
    listed = [way["id"] for way in given.get("payment_methods", ())]
    if len(listed) > len(_PAYMENTS):
        raise ValueError(f"{len(listed)} ways to pay: the shop knows {len(_PAYMENTS)} that ask nobody")
    return _PAYMENTS[listed.index(name)] if name in listed else name


async def build(world: World) -> None:
    """Everything that `given` lists."""
    for way in world.given.get("payment_methods", ()):
        world.names_of.put("payment", way["id"], payment_code(world.given, way["id"]))
    for product in [*world.given.get("products", ()), *_unlisted_products(world.given)]:
        await _product(world, product)
        await _stock(world, product)
    await given_history.build(world)
    await given_prices.build(world)
    await _shopper(world)
    await _existing(world)
    await _guest(world)


def _unlisted_products(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cases of merging name products without describing them: what they cost does not matter there."""
    listed = {product["id"] for product in given.get("products") or ()}
    guest = given.get("guest")
    lines = [*(given.get("existing") or ()), *(guest if isinstance(guest, list) else ())]
    named = dict.fromkeys(line["product"] for line in lines)
    return [{"id": name, "price": 1000} for name in named if name not in listed]


async def _product(world: World, product: Mapping[str, Any]) -> None:
    in_other = product.get("currency") if product.get("currency") != world.services.settings.currency else None
    made = await world.services.catalogue.create_product(
        NewProduct(
            product["id"],
            (
                NewVariant(
                    None if in_other else product.get("price"),
                    sku=product["id"],
                    requires_shipping=product.get("ship", True),
                    is_taxable="tax" in product,
                    quantity_max=product.get("max_qty"),
                    is_tracked=False,
                    weight_g=given_prices.grams(product["weight"]) if "weight" in product else None,
                    floor_minor=product.get("floor"),
                ),
            ),
            status="active" if product.get("enabled", True) else "draft",
            tax_category=product.get("tax", "standard"),
            categories=tuple([world.names_of.code("category", name) for name in product.get("categories", ())]),
            shipping_category=product.get("shipping_category"),
            channels=_channels(world, product),
        ),
        STAFF,
    )
    variant = made.variants[0].id
    if in_other and product.get("price") is not None:
        await _catalogue_in(world, in_other).update_variant(variant, {"price_minor": product["price"]}, STAFF)
    world.products[product["id"]] = made.id
    world.variants[product["id"]] = variant
    world.names_of.put("product", product["id"], variant)


def _channels(world: World, product: Mapping[str, Any]) -> tuple[str, ...] | None:
    named = product.get("channels")
    return None if named is None else tuple([world.names_of.code("channel", name) for name in named])


async def _shopper(world: World) -> None:
    """Who the shopper is, where, and what was chosen beforehand."""
    if "customer" in world.given:
        await identify(world, world.given["customer"])
    pricing = world.services.cart_pricing
    if world.given.get("zone") is not None or "location" in world.given.get("customer", {}):
        destination = destination_of(world, world.given.get("zone"))
        await pricing.send_to(Command(world.owner(ME), "cart.destination_set"), destination)
    if world.given.get("shipping_method") is not None:
        # Chosen before there is anything to ship, so no service would take it: it is the cart's own.
        method = world.names_of.of("method", world.given["shipping_method"])
        change = Change(op="delivery", values={"shipping_method": method})
        await world.services.carts.apply(Command(world.owner(ME), "cart.shipping_chosen", [change]))


def destination_of(world: World, zone: str | None) -> dict[str, Any]:
    """A place in a zone; in none, where there is no zone. It lies where the customer does."""
    place = {"country": COUNTRIES[world.location]}
    return place if zone is None else {**place, "region": world.names_of.code("zone", zone).upper()}


async def identify(world: World, customer: Mapping[str, Any]) -> None:
    """The shopper is this customer from now on; what was in the cart before becomes part of the customer's."""
    token, user_id = world.token(ME), customer["id"]
    world.location = customer.get("location", "home")
    values: dict[str, Any] = {"groups": list(customer.get("groups", ())), "kind": customer.get("kind", "individual")}
    if customer.get("tax_id_valid"):
        values |= {"tax_id": "a tax id", "is_tax_id_valid": True}
    await world.services.db.write(
        lambda on: world.services.customer_prices.change(on, user_id, values, given_prices.STAFF, world.now, None)
    )
    await given_prices.used_by(world, user_id, customer.get("coupon_uses", {}))
    world.customer = user_id
    await world.services.merges.merge_at_login(MergeRequest(user_id, token))


async def _stock(world: World, product: Mapping[str, Any]) -> None:
    inventory, variant = world.services.inventory, world.variants[product["id"]]
    if "on_hand" not in product and not product.get("track"):
        return
    await inventory.configure(variant, StockSettings(is_tracked=product.get("track", False)), SETTING_UP)
    # Whoever is promised units was promised them while they were there.
    await inventory.count(variant, ENOUGH, SETTING_UP)
    if product.get("held"):
        await inventory.reserve(
            [Wanted(variant, product["held"])], SETTING_UP, ttl=FOR_EVER, reference="an order of before"
        )
    for reservation in world.given.get("reservations") or ():
        if reservation["product"] == product["id"]:
            await _reservation(world, reservation)
    if "threshold" in product:
        await inventory.configure(variant, StockSettings(threshold=product["threshold"]), SETTING_UP, is_truth=True)
    if product.get("backorder"):
        await inventory.configure(variant, StockSettings(backorder=BackorderBound(None)), SETTING_UP)
    await inventory.count(variant, product.get("on_hand", 0), SETTING_UP, is_truth=True)
    await _places(world, variant, product.get("locations", ()))


async def _places(world: World, variant: uuid.UUID, places: Sequence[int | Mapping[str, Any]]) -> None:
    """What lies where: the first location of every product is the same one, and so on; one that is off is another."""
    told = [{"on_hand": place} if isinstance(place, int) else place for place in places]
    codes = [f"place-{n}" if place.get("active", True) else f"off-{n}" for n, place in enumerate(told, start=1)]
    known = {location.code for location in await world.services.places.locations()}

    async def keep(connection: Connection) -> None:
        for code in codes:
            if code not in known:
                await world.services.places.create(connection, Location(code, code))
        units = {code: place["on_hand"] for code, place in zip(codes, told, strict=True)}
        await world.services.places.set_places(connection, variant, units, SETTING_UP)
        for code in codes:
            if code.startswith("off-"):
                await world.services.places.switch(connection, code, is_active=False, cause=SETTING_UP)

    if places:
        await world.services.db.write(keep)


async def _reservation(world: World, reservation: Mapping[str, Any]) -> None:
    owner = world.owner(reservation["cart"])
    change = add(world.variants[reservation["product"]], reservation["qty"])
    await world.services.carts.apply(Command(owner, "cart.changed", [change]))
    life = timedelta(minutes=reservation["expires_in"])
    await world.services.carts.reserve(Command(owner, "cart.reserved"), life)


async def _existing(world: World) -> None:
    for line in world.given.get("existing") or ():
        await _put(world, world.services.carts, ME, line)


async def _guest(world: World) -> None:
    guest, carts = world.given.get("guest"), world.services.carts
    if not isinstance(guest, list):
        return
    currency = world.given.get("guest_currency")
    if currency is not None and currency != world.services.settings.currency:
        carts = await _shop_of_another_currency(world, currency, guest)
    # There is a cart even if nothing is in it.
    await carts.apply(Command(world.owner(VISITOR), "cart.changed", [Change(op="metadata", values={})]))
    for line in guest:
        await _put(world, carts, VISITOR, line)
    await _guest_coupons(world)


async def _shop_of_another_currency(world: World, currency: str, lines: Sequence[Mapping[str, Any]]) -> CartService:
    """The shop as it was when it sold in another currency, with prices for what the guest has."""
    catalogue = _catalogue_in(world, currency)
    for name in dict.fromkeys([line["product"] for line in lines]):
        await catalogue.update_variant(world.variant(name), {"price_minor": 1000}, STAFF)
    services = world.services
    return CartService(services.db, services.settings.model_copy(update={"currency": currency}))


def _catalogue_in(world: World, currency: str) -> CatalogService:
    """The catalogue as a shop of another currency keeps it: its prices are in that one."""
    services = world.services
    settings = services.settings.model_copy(update={"currency": currency})
    return CatalogService(services.db, settings, CatalogueStock(services.inventory))


async def _guest_coupons(world: World) -> None:
    """Codes that the guest has entered; one that the case tells nothing else of takes nothing off."""
    for code in world.given.get("guest_coupons") or ():
        if ("coupon", code) not in world.records:
            await given_prices.unlisted_code(world, code)
        await world.services.cart_pricing.enter_coupon(Command(world.owner(VISITOR), "cart.coupon_entered"), code)


async def _put(world: World, carts: CartService, who: str, line: Mapping[str, Any]) -> None:
    change = add(world.variant(line["product"]), line["qty"], attributes=line.get("options"))
    await carts.apply(Command(world.owner(who), "cart.changed", [change]))
