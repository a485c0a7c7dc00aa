"""What a case says of promotions, price rules, taxes and shipping, kept by their services."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from pannier.catalog.price_lists import DEFAULT_LIST, ListPrice
from pannier.currencies import FxFile, FxRate, import_fx
from pannier.platform.database import Connection
from pannier.platform.records import Cause
from pannier.promotions import PRICE_RULES, PROMOTIONS
from pannier.tax.models import Area
from tests.acceptance.naming import COUNTRIES
from tests.acceptance.world import World

STAFF = Cause("staff")
#: Of a promotion and of a coupon: what the shop keeps beside the definition.
_OF_PROMOTIONS = frozenset({"id", "coupons", "active", "starts", "ends", "limit", "used"})
_GRAMS = 1000


async def build(world: World) -> None:
    """Zones first: rates and methods name them. Methods before promotions, whose conditions name those."""
    given = world.given
    for product in given.get("products", ()):
        await _channel_prices(world, product)
    for pair, rate in given.get("exchange", {}).items():
        await exchange(world, pair, rate)
    for zone in _zones(given):
        await _zone(world, zone)
    for rate in given.get("tax_rates", ()):
        await _rate(world, rate)
    for method in given.get("shipping_methods", ()):
        await _method(world, method)
    for rule in given.get("price_rules", ()):
        await _price_rule(world, rule)
    for promotion in given.get("promotions", ()):
        await _promotion(world, promotion)


async def _channel_prices(world: World, product: Mapping[str, Any]) -> None:
    """Prices of the channels' own, on the shelf."""
    prices = []
    for channel, of_channel in product.get("channel_prices", {}).items():
        code = world.names_of.code("channel", channel)
        await world.services.db.write(partial(world.services.price_lists.keep_channel, code=code, name=channel))
        for currency, amount in of_channel.items():
            prices.append(ListPrice(world.variants[product["id"]], currency, amount, channel=code))
    if prices:
        lists = world.services.price_lists
        await _keep(world, lambda on: lists.set_prices(on, DEFAULT_LIST, prices, STAFF, world.now, None))


async def exchange(world: World, pair: str, rate: Any) -> None:
    """The rate of today, as a file of rates would bring it."""
    source, target = pair.split(">")
    # Whole numbers and fractions alike: what a case writes is exact.
    today = FxRate(source, target, world.now.date(), Decimal(rate))
    await import_fx(world.services.db, FxFile([today], days=1), STAFF)


def _zones(given: Mapping[str, Any]) -> list[str]:
    named = [given.get("zone"), *(rate.get("zone") for rate in given.get("tax_rates", ()))]
    named += [zone for method in given.get("shipping_methods", ()) for zone in method.get("zones", ())]
    return [zone for zone in dict.fromkeys(named) if zone is not None]


async def _zone(world: World, zone: str) -> None:
    values = {"name": world.names_of.code("zone", zone), "title": zone}
    region = world.names_of.code("zone", zone).upper()
    areas = [Area(country, region) for country in COUNTRIES.values()]
    await _keep(world, lambda on: world.services.taxes.create_zone(on, values, areas, STAFF, world.now))


async def _rate(world: World, rate: Mapping[str, Any]) -> None:
    values = {
        "code": world.names_of.code("rate", rate["id"]),
        "category": rate["category"],
        "zone": None if rate.get("zone") is None else world.names_of.code("zone", rate["zone"]),
        "percent": Decimal(rate["percent"]),
        "is_included": rate.get("included", False),
        "order": rate.get("order", 0),
        "is_compound": rate.get("compound", False),
        "valid_from": _day(rate.get("from")),
        "valid_to": _day(rate.get("to")),
    }
    made = await _keep(world, lambda on: world.services.taxes.create_rate(on, values, STAFF, world.now))
    world.records["rate", rate["id"]] = made["id"]


async def _method(world: World, method: Mapping[str, Any]) -> None:
    own = {"id", "position", "enabled"}
    definition = world.names_of.definition({key: value for key, value in method.items() if key not in own})
    values = {
        "code": world.names_of.code("method", method["id"]),
        "name": method["id"],
        "currency": world.services.settings.currency,
        "definition": in_grams(definition),
        "position": method.get("position", 0),
        "is_enabled": method.get("enabled", True),
    }
    made = await _keep(world, lambda on: world.services.shipping.create_method(on, values, STAFF, world.now))
    world.records["shipping_method", method["id"]] = made["id"]


def in_grams(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Weights of a case are of no unit; those of the shop are grams."""
    changed = dict(definition)
    for name in ("min_weight", "max_weight"):
        if name in changed:
            changed[name] = grams(changed[name])
    if "bands" in changed:
        changed["bands"] = [{**band, "up_to": grams(band["up_to"])} for band in changed["bands"]]
    return changed


def grams(weight: int | Decimal) -> int:
    """A weight of a case, which must be whole grams."""
    found = weight * _GRAMS
    if found != int(found):
        raise ValueError(f"a weight of {weight} is no whole number of grams")
    return int(found)


async def _price_rule(world: World, rule: Mapping[str, Any]) -> None:
    definition = world.names_of.definition({key: value for key, value in rule.items() if key != "id"})
    values = {"name": rule["id"], "definition": definition, "is_active": True}
    made = await _keep(world, lambda on: world.services.promotions.create(on, PRICE_RULES, values, STAFF, world.now))
    world.records["price_rule", rule["id"]] = made["id"]


async def _promotion(world: World, promotion: Mapping[str, Any]) -> None:
    words = {key: value for key, value in promotion.items() if key not in _OF_PROMOTIONS}
    values = {
        "name": promotion["id"],
        "definition": world.names_of.definition(words),
        "needs_code": "coupons" in promotion,
        "is_active": promotion.get("active", True),
        "starts_on": _day(promotion.get("starts")),
        "ends_on": _day(promotion.get("ends")),
        "use_limit": promotion.get("limit"),
    }
    made = await _keep(world, lambda on: world.services.promotions.create(on, PROMOTIONS, values, STAFF, world.now))
    world.records["promotion", promotion["id"]] = made["id"]
    world.names_of.put("promotion", promotion["id"], made["id"])
    times = promotion.get("used", 0)
    await world.services.db.write(lambda on: world.services.promotions.bring_uses(on, made["id"], times, world.now))
    for coupon in promotion.get("coupons", ()):
        await _coupon(world, made["id"], coupon)


async def unlisted_code(world: World, code: str) -> None:
    """A code that a case names without saying what it is for."""
    nothing = {"type": "order_percent", "percent": 0}
    await _promotion(world, {"id": f"of {code}", "actions": [nothing], "coupons": [{"code": code}]})


async def _coupon(world: World, promotion_id: Any, coupon: Mapping[str, Any]) -> None:
    values = {
        "promotion_id": promotion_id,
        "code": coupon["code"],
        "starts_on": _day(coupon.get("starts")),
        "ends_on": _day(coupon.get("ends")),
        "use_limit": coupon.get("limit"),
        "per_customer": coupon.get("per_customer"),
        "rejects_reduced_lines": coupon.get("reject_if_reduced_line", False),
        "is_reusable_after_cancel": coupon.get("reusable_after_cancel", True),
    }
    made = await _keep(world, lambda on: world.services.coupons.create(on, values, STAFF, world.now))
    world.records["coupon", coupon["code"]] = made["id"]
    by_her = coupon.get("used_by_customer", 0)
    # What she has used is among all, where the case says how many that are.
    await used(world, coupon["code"], by_her, world.given.get("customer", {}).get("id"))
    await used(world, coupon["code"], max(0, coupon.get("used", 0) - by_her), None)


async def used_by(world: World, customer: str, uses: Mapping[str, int]) -> None:
    """Codes that a customer has used before."""
    for code, times in uses.items():
        # What the shop has never heard of cannot be used again.
        if ("coupon", code) in world.records:
            await used(world, code, times, customer)


async def used(world: World, code: str, times: int, user: str | None) -> None:
    """Uses of a code by orders of before, which are told of and not in the shop."""
    coupon = world.records["coupon", code]
    await world.services.db.write(lambda on: world.services.coupons.bring_uses(on, coupon, times, user, world.now))


async def _keep(world: World, command: Callable[[Connection], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
    return await world.services.db.write(command)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
