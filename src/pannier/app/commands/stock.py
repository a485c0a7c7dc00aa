"""`pannier stock`: figures, and the movements behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, actor, in_shop
from pannier.app.commands.terminal import Terminal

if TYPE_CHECKING:
    from pannier.app.stock_listing import NamedVariant
    from pannier.inventory import Cause, InventoryService, Movement, StockLevel
    from pannier.platform.database import Connection, Database

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Look at stock and change it.

    Every change is a row of the ledger. A variant is named by its id or by its
    SKU; where several variants carry one SKU you are told their ids.
    """,
)

VariantArgument = Annotated[str, typer.Argument(metavar="VARIANT", help="Id or SKU of a variant.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept in the ledger.")]
# Without it the -3 of `adjust SKU -3` would be taken for an option.
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}
_COLUMNS = ("SKU", "on hand", "held", "available", "product", "id")
_FIGURES = ("on hand", "held", "available")


@app.command(name="list")
def list_(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only variants whose name, SKU or id contains it.")
    ] = "",
    low: Annotated[
        int | None,
        typer.Option("--low", min=0, metavar="N", help="Only those with N or fewer available."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")] = 1_000,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List variants with what is on hand, held and available.

    [bold]Examples[/]
      [cyan]pannier stock list[/]
      [cyan]pannier stock list stool[/]
      [cyan]pannier stock list --low 5[/]     what to order again
    """
    terminal = Terminal(is_json=as_json)

    async def read(db: Database) -> list[NamedVariant]:
        from pannier.app.stock_listing import list_variants

        async with db.read() as connection:
            return await list_variants(connection, db.offset, text=text, at_most=low, limit=limit)

    found = in_shop(_settings(data_dir), terminal, read)
    terminal.result([variant.to_dict() for variant in found], lambda: _show_list(terminal, found, limit))


@app.command()
def show(variant: VariantArgument, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Show one variant's figures, and how it is counted.

    [bold]Examples[/]
      [cyan]pannier stock show MUG-RED[/]
      [cyan]pannier stock show 01977d3e-8f00-7000-8000-000000000001 --json[/]

    [bold]Next[/]: `pannier stock movements VARIANT` tells how it came to them.
    """
    terminal = Terminal(is_json=as_json)
    found = in_shop(_settings(data_dir), terminal, lambda db: _named(db, variant))
    terminal.result(found.to_dict(), lambda: _show_one(terminal, found))


@app.command()
def receive(
    variant: VariantArgument,
    quantity: Annotated[int, typer.Argument(metavar="UNITS", min=1, help="How many came in.")],
    reason: ReasonOption = "",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Book units that came in.

    [bold]Example[/]
      [cyan]pannier stock receive MUG-RED 24 --reason "delivery 4711"[/]
    """
    _change(variant, data_dir, as_json, reason, lambda stock, id_, cause: stock.receive(id_, quantity, cause))


@app.command(context_settings=_NEGATIVE_NUMBERS)
def adjust(
    variant: VariantArgument,
    quantity: Annotated[int, typer.Argument(metavar="±UNITS", help="What to add; negative to take away.")],
    reason: ReasonOption = "",
    allow_negative: Annotated[
        bool, typer.Option("--allow-negative", help="Let it take away more than is on hand: units that are owed.")
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Book a difference: something broke, something turned up.

    Units that are promised to carts and orders cannot be taken away, nor more
    than there are, unless you say so.

    [bold]Example[/]
      [cyan]pannier stock adjust MUG-RED -2 --reason broken[/]
    """

    def act(stock: InventoryService, variant_id: Any, cause: Cause) -> Awaitable[StockLevel]:
        return stock.adjust(variant_id, quantity, cause, allow_negative=allow_negative)

    _change(variant, data_dir, as_json, reason, act)


@app.command()
def count(
    variant: VariantArgument,
    on_hand: Annotated[int, typer.Argument(metavar="UNITS", min=0, help="How many there are.")],
    reason: ReasonOption = "",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many units there are; the difference is booked.

    [bold]Example[/]
      [cyan]pannier stock count MUG-RED 118 --reason "stocktaking"[/]
    """
    _change(variant, data_dir, as_json, reason, lambda stock, id_, cause: stock.count(id_, on_hand, cause))


@app.command()
def configure(
    variant: VariantArgument,
    tracked: Annotated[bool | None, typer.Option("--tracked/--untracked", help="Whether it is counted at all.")] = None,
    backorder: Annotated[
        str | None,
        typer.Option("--backorder", metavar="N|unlimited", help="Units that may be sold beyond what is on hand."),
    ] = None,
    safety: Annotated[
        int | None, typer.Option("--safety", min=0, metavar="N", help="Units that are never promised.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how a variant is counted. What is not named stays as it is.

    [bold]Examples[/]
      [cyan]pannier stock configure MUG-RED --safety 2[/]
      [cyan]pannier stock configure PREORDER --backorder unlimited[/]
      [cyan]pannier stock configure GIFT-CARD --untracked[/]
    """
    if tracked is None and backorder is None and safety is None:
        raise typer.BadParameter("Name at least one of --tracked/--untracked, --backorder, --safety.")
    units = _bound(backorder)

    def act(stock: InventoryService, variant_id: Any, cause: Cause) -> Awaitable[StockLevel]:
        from pannier.inventory import BackorderBound, StockSettings

        bound = None if backorder is None else BackorderBound(units)
        return stock.configure(variant_id, StockSettings(tracked, safety, bound), cause)

    _change(variant, data_dir, as_json, "", act)


@app.command()
def movements(
    variant: VariantArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")] = 50,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the ledger of a variant, the newest movement first.

    [bold]Example[/]
      [cyan]pannier stock movements MUG-RED --limit 10[/]

    [bold]Next[/]: `pannier audit` proves that figures and ledgers agree.
    """
    terminal = Terminal(is_json=as_json)
    settings = _settings(data_dir)

    async def read(db: Database) -> tuple[NamedVariant, Sequence[Movement]]:
        from pannier.inventory import InventoryService

        found = await _named(db, variant)
        return found, await InventoryService(db, settings).movements(found.id, limit=limit)

    found, rows = in_shop(settings, terminal, read)
    terminal.result(
        {"variant_id": found.id, "movements": rows},
        lambda: _show_movements(terminal, found, rows),
    )


def _change(
    variant: str,
    data_dir: Any,
    as_json: bool,
    reason: str,
    act: Callable[[InventoryService, Any, Cause], Awaitable[StockLevel]],
) -> None:
    """Do one thing to one variant, and show its figures before and after."""
    terminal = Terminal(is_json=as_json)
    settings = _settings(data_dir)

    async def run(db: Database) -> tuple[NamedVariant, NamedVariant]:
        from pannier.inventory import Cause, InventoryService

        before = await _named(db, variant)
        await act(InventoryService(db, settings), before.id, Cause(actor(), reason))
        return before, await _named(db, str(before.id))

    before, after = in_shop(settings, terminal, run)
    terminal.result(after.to_dict(), lambda: _show_change(terminal, before, after))


async def _named(db: Database, name: str) -> NamedVariant:
    async with db.read() as connection:
        return await _the_one(connection, db, name)


async def _the_one(connection: Connection, db: Database, name: str) -> NamedVariant:
    from pannier.app.commands.errors import AmbiguousSkuError, UnknownVariantError
    from pannier.app.stock_listing import find_variants

    found = await find_variants(connection, db.offset, name)
    if not found:
        raise UnknownVariantError(
            f"{name} is neither the id nor the SKU of a variant (SKUs are case-sensitive).\n"
            "`pannier stock list TEXT` finds variants by name."
        )
    if len(found) > 1:
        listed = "\n".join(f"  {variant.id}  {variant.title}" for variant in found)
        raise AmbiguousSkuError(
            f"{len(found)} variants carry the SKU {name}. Name the one you mean by its id:\n{listed}",
            details={"variants": [{"id": str(variant.id), "title": variant.title} for variant in found]},
        )
    return found[0]


def _settings(data_dir: Any) -> Any:
    from pannier.app.commands.settings_reading import read_settings

    return read_settings(data_dir=data_dir)


def _bound(text: str | None) -> int | None:
    if text is None or text == "unlimited":
        return None
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is neither a number of units nor 'unlimited'.", param_hint="--backorder")
    return int(text)


def _available(variant: NamedVariant) -> object:
    if not variant.has_stock or not variant.is_tracked:
        return "not counted"
    return "unlimited" if variant.available is None else variant.available


def _grouped(figure: object) -> str:
    return f"{figure:,}" if isinstance(figure, int) else str(figure)


def _show_list(terminal: Terminal, found: Sequence[NamedVariant], limit: int) -> None:
    if not found:
        terminal.say("No variant is like that. `pannier import FILE` or `pannier seed` brings some.")
        return
    rows = [(v.sku, v.on_hand, v.held, _available(v), v.title, v.id) for v in found]
    terminal.table(_COLUMNS, rows, numbers=_FIGURES)
    if len(found) == limit:
        terminal.note(f"The first {limit:,}; --limit shows more.")


def _show_one(terminal: Terminal, variant: NamedVariant) -> None:
    backorder = "unlimited" if variant.backorder_max is None else variant.backorder_max
    terminal.say(variant.title)
    rows: list[tuple[str, object]] = [("id", variant.id), ("SKU", variant.sku), ("status", variant.status)]
    if variant.has_stock:
        figures = [("on hand", variant.on_hand), ("held", variant.held), ("available", _available(variant))]
        figures += [("backorder", backorder), ("safety", variant.safety_quantity)]
        rows += [(name, _grouped(figure)) for name, figure in figures]
    else:
        rows += [("stock", "not counted; `pannier stock receive` or `count` begins to")]
    for name, value in rows:
        terminal.say(f"  {name:<10} {value if value is not None else '-'}")


def _show_change(terminal: Terminal, before: NamedVariant, after: NamedVariant) -> None:
    terminal.say(after.title)
    was = 0 if before.on_hand is None else before.on_hand
    terminal.say(f"  on hand {was:,} → {after.on_hand:,}, held {after.held:,}, available {_grouped(_available(after))}")
    if after.on_hand is not None and after.on_hand < 0 and after.backorder_max == 0:
        terminal.note("On hand is below zero now. That is kept, and none is sold until more came in than is missing.")


def _show_movements(terminal: Terminal, variant: NamedVariant, rows: Sequence[Movement]) -> None:
    terminal.say(variant.title)
    if not rows:
        terminal.say("  Nothing has moved yet.")
        return
    terminal.table(
        ("no.", "at", "kind", "units", "on hand", "held", "who", "reason"),
        [
            (
                row.version,
                f"{row.at:%Y-%m-%d %H:%M:%S}",
                row.kind,
                f"{row.quantity:+,}",
                f"{row.on_hand_before:,} → {row.on_hand_after:,}",
                f"{row.held_before:,} → {row.held_after:,}",
                row.actor,
                row.reason,
            )
            for row in rows
        ],
        numbers=("no.", "units", "on hand", "held"),
    )
