"""Reading a shop's prices from the tables of promotions, tax and shipping.

What cannot be read is left out and told in the log: one rule that is broken closes no shop. The services of those
tables take nothing that cannot be read, so that it takes a hand in the database to get there.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pannier.catalog import GiftGoods, load_gifts
from pannier.kernel.clock import Clock
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from pannier.pricebook.abroad import Abroad, exchange_to, prices_abroad
from pannier.pricebook.house import PriceHouse
from pannier.pricing import (
    DefinitionKind,
    Destination,
    Gift,
    GiftDisplay,
    Goods,
    Location,
    LoyaltyRules,
    Period,
    PriceBook,
    PriceRule,
    Prices,
    PricingRules,
    Promotion,
    ScenarioError,
    ShippingMethod,
    TaxRate,
    policy_of,
    read_definition,
)
from pannier.promotions import ActivePriceRule, book_revision, load_active_promotions, load_price_rules
from pannier.shipping import ShippingMethodDefinition, estimate, load_methods
from pannier.tax import EU_COUNTRIES, TaxRateDefinition, Zone, load_rates, load_zones, zone_of
from pannier.tax import Destination as Place

# Destinations whose zone a process remembers.
_PLACES_MAX = 10_000
_logger = logging.getLogger(__name__)


def open_house(db: Database, settings: Settings) -> PriceHouse:
    """The prices of one shop. Until something is read they are what its settings say."""
    rules = PricingRules.from_settings(settings)
    first = Prices.of_settings(rules, settings.currency, policy_of(settings), ZoneInfo(settings.time_zone))

    async def load(connection: Connection) -> Prices:
        return await load_prices(connection, settings, first, db.clock)

    return PriceHouse(db, first, load)


async def load_prices(connection: Connection, settings: Settings, first: Prices, clock: Clock) -> Prices:
    """The prices of now. `first` is what the settings say, which counts where the tables say nothing."""
    revision = await book_revision(connection)
    on = first.day(clock.now())
    promotions: list[Promotion] = _readable(
        "promotion", [one.document() for one in await load_active_promotions(connection, on)]
    )
    rules = [_rule(one) for one in await load_price_rules(connection, on)]
    rates = [rate for rate in map(_rate, await load_rates(connection)) if rate is not None]
    all_methods = await load_methods(connection)
    methods = _methods_in(settings.currency, all_methods, settings)
    has_methods = bool(methods) or not settings.standard_shipping
    zones = await load_zones(connection)
    gifts = await load_gifts(connection, list(_gift_ids(promotions)), settings.currency)
    read_methods = [method for method in map(_method, methods) if method is not None]
    taxed = replace(first, is_taxed_alike=not rates)
    policy = policy_of(settings)
    book = PriceBook(
        settings.currency,
        policy if has_methods else first.book.policy,
        tuple([rule for rule in rules if rule is not None]),
        tuple(promotions),
        tuple(rates) or first.book.tax_rates,
        tuple(read_methods) if has_methods else first.book.shipping_methods,
        {gift.key: _goods(gift, taxed) for gift in gifts},
        not settings.coupon_case_sensitive,
        _loyalty(settings),
    )
    home = replace(
        taxed,
        revision=revision,
        book=book,
        is_plain=first.is_plain and not (promotions or rules or rates or has_methods or book.loyalty),
        has_methods=has_methods,
        fetched_methods=frozenset(one.code for one in methods if one.fulfilment != "ship"),
        zone_of=_zones(zones, settings),
        location_of=_locations(settings.home_country),
        arrival_of=_arrivals(methods, first.time_zone),
        gift_displays={gift.variant_id: _display(gift) for gift in gifts},
    )
    return replace(home, others=await _others(connection, settings, home, _gift_ids(promotions), all_methods, clock))


async def _others(
    connection: Connection,
    settings: Settings,
    home: Prices,
    gifts: Iterable[uuid.UUID],
    methods: Sequence[ShippingMethodDefinition],
    clock: Clock,
) -> dict[str, Prices]:
    """The same prices in the other currencies that the shop sells in."""
    others = {}
    for currency in sold_currencies(settings)[1:]:
        own_gifts = await load_gifts(connection, list(gifts), currency)
        own_methods = _methods_in(currency, methods, settings)
        own = Abroad(
            [method for method in map(_method, own_methods) if method is not None],
            bool(own_methods),
            {gift.key: _goods(gift, home) for gift in own_gifts},
        )
        by = await exchange_to(connection, settings, currency, clock.now())
        found = prices_abroad(home, currency, own, by, settings)
        if found is not None:
            displays = {**home.gift_displays, **{gift.variant_id: _display(gift) for gift in own_gifts}}
            arrivals = _arrivals(own_methods, home.time_zone) if own_methods else home.arrival_of
            fetched = frozenset(one.code for one in own_methods if one.fulfilment != "ship") or home.fetched_methods
            others[currency] = replace(found, gift_displays=displays, arrival_of=arrivals, fetched_methods=fetched)
    return others


def sold_currencies(settings: Settings) -> tuple[str, ...]:
    """The currencies that carts may be in, the shop's own first."""
    return tuple(dict.fromkeys((settings.currency, *settings.currencies, *settings.conversion_currencies)))


def _methods_in(
    currency: str, methods: Iterable[ShippingMethodDefinition], settings: Settings
) -> list[ShippingMethodDefinition]:
    found = [one for one in methods if one.currency == currency]
    if settings.standard_shipping and not any(one.definition.get("enabled", True) for one in found):
        # As long as none of them is in use, what the settings say is.
        return []
    return found


def _readable(kind: DefinitionKind, documents: Iterable[Mapping[str, Any]]) -> list[Any]:
    found = []
    for document in documents:
        try:
            found.append(read_definition(kind, document))
        except ScenarioError as problem:
            _logger.error("left out of the shop's prices: %s: %s", document.get("id"), problem)
    return found


def _rate(stored: TaxRateDefinition) -> TaxRate | None:
    found: list[TaxRate] = _readable("tax_rate", [stored.definition])
    return replace(found[0], name=stored.title or stored.code) if found else None


def _rule(stored: ActivePriceRule) -> PriceRule | None:
    found: list[PriceRule] = _readable("price_rule", [stored.document()])
    return replace(found[0], period=Period(stored.starts_on, stored.ends_on)) if found else None


def _method(stored: ShippingMethodDefinition) -> ShippingMethod | None:
    found: list[ShippingMethod] = _readable("shipping_method", [stored.definition])
    if not found:
        return None
    delivery = stored.delivery
    if delivery is None:
        return found[0]
    days = delivery.handling_days + delivery.days_min, delivery.handling_days + delivery.days_max
    return replace(found[0], delivery_days=days)


def _gift_ids(promotions: Iterable[Promotion]) -> set[uuid.UUID]:
    """Ids of products or variants that are given away."""
    found = set()
    for promotion in promotions:
        for action in promotion.actions:
            if isinstance(action, Gift):
                try:
                    found.add(uuid.UUID(action.product))
                except ValueError:
                    _logger.error("promotion %s gives away %r, which is no id", promotion.id, action.product)
    return found


def _goods(gift: GiftGoods, prices: Prices) -> Goods:
    return Goods(
        gift.variant_id,
        gift.amount_minor,
        frozenset(gift.categories),
        prices.tax_category(gift.tax_category),
        Decimal(gift.weight_g),
        gift.shipping_category,
        0,
        gift.requires_shipping,
        name=gift.name,
        product_id=gift.product_id,
    )


def _display(gift: GiftGoods) -> GiftDisplay:
    return GiftDisplay(gift.product_id, gift.name, gift.slug, gift.image, gift.sku)


def _loyalty(settings: Settings) -> LoyaltyRules | None:
    if not settings.loyalty_points_per_unit and not settings.loyalty_point_minor:
        return None
    return LoyaltyRules(settings.loyalty_points_per_unit, settings.loyalty_point_minor, settings.loyalty_burn_percent)


def _zones(zones: Sequence[Zone], settings: Settings) -> Callable[[Destination | None], str | None]:
    """Finds the zone of a destination among those with areas in its country; each place is looked for once."""
    default = settings.default_zone
    by_country: dict[str, list[Zone]] = {}
    for zone in zones:
        for country in {area.country for area in zone.areas}:
            areas = tuple([area for area in zone.areas if area.country == country])
            by_country.setdefault(country, []).append(replace(zone, areas=areas))
    known: dict[Place, str | None] = {}

    def find(destination: Destination | None) -> str | None:
        if destination is None or not destination.get("country"):
            return default
        place = Place(destination["country"], destination.get("region"), destination.get("postal_code"))
        if place not in known:
            if len(known) >= _PLACES_MAX:
                known.clear()
            known[place] = zone_of(by_country.get(place.country, ()), place, default)
        return known[place]

    return find


def _locations(home: str | None) -> Callable[[Destination | None], Location | None]:
    def find(destination: Destination | None) -> Location | None:
        country = None if destination is None else destination.get("country")
        if home is None or country is None:
            return None
        if country == home:
            return "home"
        return "other_eu" if home in EU_COUNTRIES and country in EU_COUNTRIES else "third_country"

    return find


def _arrivals(
    methods: Sequence[ShippingMethodDefinition], time_zone: ZoneInfo
) -> Callable[[str, datetime], tuple[date, date] | None]:
    deliveries = {method.code: method.delivery for method in methods}

    def find(method: str, at: datetime) -> tuple[date, date] | None:
        delivery = deliveries.get(method)
        return None if delivery is None else estimate(delivery, at.astimezone(time_zone))

    return find
