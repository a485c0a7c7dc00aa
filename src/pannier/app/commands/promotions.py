"""`pannier promotions` and `pannier coupon`: what is on, switching it, and codes by the thousand."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, actor, in_shop
from pannier.app.commands.terminal import Terminal

if TYPE_CHECKING:
    from pannier.platform.database import Database
    from pannier.platform.records import Record
    from pannier.promotions import PromotionService

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""See what promotions there are, and switch them on and off.

    They are made through the API: see docs/howto/promotions.md. A promotion is
    named by its id.
    """,
)
coupon_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Make codes of a promotion.")

PromotionArgument = Annotated[uuid.UUID, typer.Argument(metavar="PROMOTION", help="Id of a promotion.")]
_COLUMNS = ("name", "on", "code", "from", "to", "used", "limit", "id")


@app.command(name="list")
def list_(
    archived: Annotated[bool, typer.Option("--archived", help="Those that were put away, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")] = 100,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List promotions, in the order in which they were made.

    [bold]Example[/]
      [cyan]pannier promotions list[/]
    """
    from pannier.promotions import PROMOTIONS

    terminal = Terminal(is_json=as_json)
    found = _with_promotions(
        data_dir,
        terminal,
        lambda promotions: promotions.page(PROMOTIONS, after=None, limit=limit, is_archived=archived),
    )
    rows = [
        (
            *(one["name"], _yes(one["is_active"]), _yes(one["needs_code"]), one["starts"] or "", one["ends"] or ""),
            *(one["used"], "" if one["limit"] is None else one["limit"], one["id"]),
        )
        for one in found
    ]
    terminal.result(
        [_plain(one) for one in found],
        lambda: (
            terminal.table(_COLUMNS, rows, numbers=("used", "limit"))
            if rows
            else terminal.say("There is no promotion yet.")
        ),
    )


@app.command()
def show(promotion: PromotionArgument, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Show a promotion, with what it gives and when, and how often it was used.

    [bold]Example[/]
      [cyan]pannier promotions show 01977d3e-8f00-7000-8000-000000000001[/]
    """
    from pannier.promotions import PROMOTIONS

    terminal = Terminal(is_json=as_json)
    found = _with_promotions(data_dir, terminal, lambda promotions: promotions.get(PROMOTIONS, promotion))

    def tell() -> None:
        import json

        for name, value in _plain(found).items():
            if name != "definition" and value is not None:
                terminal.say(f"{name}: {value}")
        terminal.say(json.dumps(_plain(found)["definition"], indent=2, ensure_ascii=False))

    terminal.result(_plain(found), tell)


@app.command()
def enable(promotion: PromotionArgument, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Let a promotion count, from the next look at a cart on.

    [bold]Example[/]
      [cyan]pannier promotions enable 01977d3e-8f00-7000-8000-000000000001[/]
    """
    _switch(promotion, data_dir, as_json, is_active=True)


@app.command()
def disable(promotion: PromotionArgument, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Let a promotion count no longer. Orders keep what they were given.

    [bold]Example[/]
      [cyan]pannier promotions disable 01977d3e-8f00-7000-8000-000000000001[/]
    """
    _switch(promotion, data_dir, as_json, is_active=False)


@coupon_app.command()
def generate(
    promotion: PromotionArgument,
    count: Annotated[int, typer.Option("--count", min=1, max=100_000, metavar="N", help="So many codes.")],
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="What each begins with.")] = "",
    length: Annotated[int, typer.Option("--length", min=4, max=24, metavar="N", help="Random characters.")] = 10,
    uses: Annotated[int, typer.Option("--uses", min=1, metavar="N", help="Uses of each.")] = 1,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make random codes of a promotion that needs one, all or none, and write them one a line.

    [bold]Example[/]
      [cyan]pannier coupon generate 01977d3e-8f00-7000-8000-000000000001 --count 5000 --prefix MAY-[/]
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    values = {
        "promotion_id": promotion,
        "starts_on": None,
        "ends_on": None,
        "use_limit": uses,
        "per_customer": None,
        "rejects_reduced_lines": False,
        "is_reusable_after_cancel": True,
    }

    async def run(db: Database) -> list[str]:
        from pannier.platform.records import Cause
        from pannier.promotions import CouponService

        coupons = CouponService(db)
        batch = await db.write(
            lambda on: coupons.generate(on, values, count, prefix, length, Cause(actor()), db.clock.now()),
            db.job_patience_s,
        )
        return await coupons.codes(batch["batch_id"])

    codes = in_shop(read_settings(data_dir=data_dir), terminal, run)
    terminal.result(codes, lambda: terminal.say("\n".join(codes)))


def _switch(promotion: uuid.UUID, data_dir: Any, as_json: bool, *, is_active: bool) -> None:
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)

    async def run(db: Database) -> Record:
        from pannier.platform.records import Cause
        from pannier.promotions import PROMOTIONS

        promotions, cause, now = _service(db), Cause(actor()), db.clock.now()
        return await db.write(
            lambda on: promotions.switch(on, PROMOTIONS, promotion, cause, now, None, is_active=is_active)
        )

    done = in_shop(read_settings(data_dir=data_dir), terminal, run)
    terminal.result(_plain(done), lambda: terminal.say(f"{done['name']} is {'on' if is_active else 'off'}."))


def _with_promotions(data_dir: Any, terminal: Terminal, act: Callable[[PromotionService], Awaitable[T]]) -> T:
    from pannier.app.commands.settings_reading import read_settings

    async def run(db: Database) -> T:
        return await act(_service(db))

    return in_shop(read_settings(data_dir=data_dir), terminal, run)


def _service(db: Database) -> PromotionService:
    from pannier.app.price_vocabulary import check_price_rule, check_promotion
    from pannier.promotions import PromotionService

    return PromotionService(db, check_promotion, check_price_rule)


def _plain(record: Record) -> dict[str, Any]:
    """As JSON has it."""
    import json

    from pannier.platform.records import as_json

    plain: dict[str, Any] = json.loads(as_json(record))
    return plain


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""
