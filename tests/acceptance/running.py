"""Runs cases, each in a shop of its own."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from pannier.app.wiring import Services, open_services
from pannier.platform.observability.metrics import Metrics
from pannier.platform.settings import Settings
from tests.acceptance import databases, given, house
from tests.acceptance.answers import answer
from tests.acceptance.naming import COUNTRIES, Names
from tests.acceptance.steps import carry_out
from tests.acceptance.steps.step import Step
from tests.acceptance.world import JANE, ME, CaseClock, World

AREAS = ("cart", "promotions", "taxes", "shipping", "stock", "merge", "checkout")


class CaseSettings(Settings):
    """The product's own defaults, whatever the environment says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 # the library gives it by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 # the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def read_cases(folder: Path, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The cases of the areas, of every file of the folder. Raises ValueError for what is none."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"no cases in {folder}")
    cases = []
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        if not isinstance(found, list) or not all(isinstance(case, dict) and "id" in case for case in found):
            raise ValueError(f"{file}: expected a list of cases")
        cases += [case for case in found if not only or case.get("area") in only]
    return cases


async def run_cases(
    cases: Sequence[Mapping[str, Any]],
    server_url: str,
    fresh: databases.Fresh,
    tell: Callable[[dict[str, Any]], None],
    *,
    jobs: int = 1,
) -> None:
    """Run the cases on copies of a fresh database; `tell` is called with each result as it comes."""
    waiting = iter(cases)
    copies = databases.Copies(server_url, fresh)

    async def work() -> None:
        for case in waiting:
            tell(await run_case(case, copies))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(work())
    finally:
        await copies.close()


async def run_case(case: Mapping[str, Any], copies: databases.Copies) -> dict[str, Any]:
    """The result of one case: `{"id", "then"}`, or `{"id", "error"}` when it could not be finished."""
    async with copies.one() as url:
        try:
            return {"id": case["id"], "then": await _happen(case, url)}
        except Exception as fault:  # noqa: BLE001 # whatever it is, it is told of this case and stops no other
            where = traceback.extract_tb(fault.__traceback__)[-1]
            told = f"{type(fault).__name__}: {fault} ({Path(where.filename).name}:{where.lineno})"
            return {"id": case["id"], "error": told}


async def _happen(case: Mapping[str, Any], url: str) -> dict[str, Any]:
    clock = CaseClock()
    if "now" in case["given"]:
        clock.set_day(date.fromisoformat(case["given"]["now"]))
    async with AsyncExitStack() as shop:

        async def opened(settings: Settings) -> Services:
            return await shop.enter_async_context(open_services(settings, clock, Metrics()))

        async def restart(**changes: Any) -> None:
            world.services = await opened(world.services.settings.model_copy(update=changes))

        names = Names()
        services = await opened(_settings(case, url, names))
        world = World(case, services, clock, names_of=names, restart=restart)
        world.registered, world.requests = _registered(case), _requests(case)
        await given.build(world)
        world.begun_at = clock.now()
        for number, fields in enumerate(case.get("when") or ()):
            await carry_out(Step(world, number, fields))
        return await answer(world)


def _settings(case: Mapping[str, Any], url: str, names: Names) -> Settings:
    shop = case["given"]
    channel: dict[str, Any] = {"channel": names.code("channel", shop["channel"])} if "channel" in shop else {}
    ways = shop.get("payment_methods", ())
    offered = tuple([given.payment_code(shop, way["id"]) for way in ways if way.get("enabled", True)])
    paid: dict[str, Any] = {"payment_methods": offered} if "payment_methods" in shop else {}
    return CaseSettings(
        **house.settings_of(case),
        **channel,
        **paid,
        database_url=url,
        database_pool_size=10 if case.get("area") == "checkout" else 4,
        # A request that is kept from finishing waits for as long as the case lets it.
        database_lock_timeout_s=60,
        completion_lease_s=120,
        database_statement_timeout_s=60,
        enable_cart_reserve=True,
        # Where a price has moved a confirmation tells of it, and nothing before.
        enable_cart_validation=False,
        hold_cap_s=4e9,
        checkout_ttl_s=4e9,
        conversion_age_days_max=365,
        conversion_currencies=(shop["currency"],) if _has_channel_prices(shop) else (),
        currency=shop.get("base_currency") or shop["currency"],
        home_country=COUNTRIES["home"],
        checkout_requires=("email", "shipping_address") if case.get("area") == "checkout" else (),
        checkout_steps="ordered" if case.get("area") == "checkout" else "free",
        checkout_repeat="refuse",
        checkout_busy="refuse",
        standard_shipping="shipping_methods" not in shop,
    )


def _has_channel_prices(shop: Mapping[str, Any]) -> bool:
    return any("channel_prices" in product for product in shop.get("products", ()))


def _requests(case: Mapping[str, Any]) -> frozenset[str]:
    """Names that do nothing but confirm: they are requests about the shopper's own cart."""
    confirming = {"confirm", "confirm_begin", "confirm_end", "confirm_crash_after_order"}
    steps = [step for step in case.get("when") or () if "by" in step]
    return frozenset({step["by"] for step in steps}) - {step["by"] for step in steps if step["op"] not in confirming}


def _registered(case: Mapping[str, Any]) -> frozenset[str]:
    """Customers: jane, and whoever signs in or out."""
    signing = [step.get("by", ME) for step in case.get("when") or () if step["op"] in ("login", "logout")]
    return frozenset({JANE, *signing})
