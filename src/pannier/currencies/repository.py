"""The statements of exchange rates, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from pannier.currencies.models import Exchange, FxRate

if TYPE_CHECKING:
    from pannier.platform.database import Connection


async def stage(connection: Connection) -> None:
    """A place for the rates of a file, gone with the transaction."""
    await connection.execute(
        "create temporary table fx_staged (base text, quote text, on_date date, rate numeric) on commit drop"
    )


async def stage_rates(connection: Connection, rates: Sequence[FxRate]) -> None:
    await connection.copy_records_to_table(
        "fx_staged",
        schema_name="pg_temp",
        columns=("base", "quote", "on_date", "rate"),
        records=[(rate.base, rate.quote, rate.on, rate.rate) for rate in rates],
    )


async def store_staged(connection: Connection, source: str) -> tuple[int, int]:
    """Make the staged rates the shop's; answers how many are new and how many are others than before."""
    row = await connection.fetchrow(
        """
        with told as (
          insert into fx_rate as r (base, quote, on_date, rate, source)
          select base, quote, on_date, rate, $1 from fx_staged
          on conflict (base, quote, on_date) do update set rate = excluded.rate, source = excluded.source
           where r.rate <> excluded.rate
          returning (xmax = 0) as is_new
        )
        select count(*) filter (where is_new) as made, count(*) filter (where not is_new) as changed from told
        """,
        source,
    )
    assert row is not None
    return row["made"], row["changed"]


async def exchange(connection: Connection, source: str, target: str, on: date, age_days_max: int) -> Exchange | None:
    """How to get from one currency to another on a day; None where no rate is that new."""
    row = await connection.fetchrow(
        "select e.above, e.below, e.on_date, (select r.source from fx_rate r where r.on_date = e.on_date"
        " and $2 in (r.base, r.quote) limit 1) as provider from fx_exchange($1, $2, $3, $4) e",
        source,
        target,
        on,
        age_days_max,
    )
    if row is None or row["on_date"] is None:
        return None
    rate = Fraction(Fraction(row["above"]), Fraction(row["below"]))
    return Exchange(source, target, rate, row["on_date"], row["provider"] or "")
