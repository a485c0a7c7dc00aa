"""A destination has one zone at most, and the database and the rules agree which."""

from __future__ import annotations

import itertools

import pytest

from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database
from pannier.tax import Area, Destination, Zone, load_zones, repository, zone_of


def _zone(name: str, *areas: Area, priority: int = 0) -> Zone:
    return Zone(uuid7(), name, "", priority, areas)


ZONES = (
    _zone("ES", Area("ES")),
    _zone("ES-canaries", Area("ES", None, "35", "35"), Area("ES", None, "38000", "38999")),
    _zone("US", Area("US")),
    _zone("US-CA", Area("US", "CA"), Area("US", "CALIFORNIA")),
    _zone("US-LA", Area("US", "CA", "90001", "90999")),
    _zone("UK", Area("GB"), priority=1),
    _zone("British-Isles", Area("GB"), Area("IE")),
)
DESTINATIONS = {
    ("ES", None, None): "ES",
    ("ES", None, "28013"): "ES",
    ("ES", None, "35001"): "ES-canaries",
    ("ES", "Tenerife", "38 001"): "ES-canaries",
    ("ES", None, "39000"): "ES",
    ("US", "CA", None): "US-CA",
    ("US", "us-ca", "94105-1234"): "US-CA",
    ("US", "California", "94105"): "US-CA",
    ("US", "CA", "90210"): "US-LA",
    ("US", "NY", "90210"): "US",
    ("GB", None, "SW1A 1AA"): "UK",
    ("IE", "Cork", ""): "British-Isles",
    ("FR", None, "97100"): None,
    ("ES", "Île", "é35"): "ES-canaries",
}


@pytest.mark.parametrize("where", DESTINATIONS, ids=str)
def test_the_closest_area_counts(where: tuple[str, str | None, str | None]) -> None:
    expected = DESTINATIONS[where]

    assert zone_of(ZONES, Destination(*where)) == expected
    assert zone_of(ZONES, Destination(*where), "rest") == (expected or "rest")


@pytest.mark.parametrize("order", [*itertools.islice(itertools.permutations(ZONES), 0, 5040, 1000)])
def test_the_order_in_which_zones_are_kept_makes_no_difference(order: tuple[Zone, ...]) -> None:
    assert [zone_of(order, Destination(*where)) for where in DESTINATIONS] == list(DESTINATIONS.values())


async def test_the_database_says_the_same(db: Database) -> None:
    async def make(connection: Connection) -> None:
        now = db.clock.now()
        for zone in ZONES:
            await connection.execute(
                "insert into zone (id, name, priority, created_at, updated_at) values ($1, $2, $3, $4, $4)",
                zone.id, zone.name, zone.priority, now,
            )  # fmt: skip
            await repository.write_areas(connection, zone.id, zone.areas)

    await db.write(make)

    async with db.read() as connection:
        found = {where: await repository.zone_of(connection, *where) for where in DESTINATIONS}
        loaded = await load_zones(connection)
    assert found == DESTINATIONS
    assert {zone.name for zone in loaded} == {zone.name for zone in ZONES}
    assert [zone_of(loaded, Destination(*where)) for where in DESTINATIONS] == list(DESTINATIONS.values())
