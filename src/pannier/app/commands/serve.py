"""`pannier serve`: the shop, until Ctrl+C."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pannier.app.commands.shop import DataDirOption
from pannier.app.commands.terminal import Terminal

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.settings import Settings

_A_VARIANT = """
select v.id::text from variant v join product p on p.id = v.product_id left join stock k on k.variant_id = v.id
 where v.is_sellable and v.plain_prices ? $1
   and (k.variant_id is null or not k.is_tracked or k.on_hand - k.held - k.safety_quantity > 1)
 order by p.position, v.position limit 1
"""


def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Put the demo catalogue into the shop if it has no products.")
    ] = False,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 for every network. [127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="PORT", help="TCP port; 0 takes a free one. [8000]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, metavar="N", help="Processes that answer requests. [1]")
    ] = None,
    data_dir: DataDirOption = None,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Migrate the database of PANNIER_DATABASE_URL first.")
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the API's page in a browser once the shop is open.")
    ] = False,
) -> None:
    """Run the shop until Ctrl+C.

    Without PANNIER_DATABASE_URL it brings its own PostgreSQL, kept in the
    data directory, and its tables are made and migrated as needed. Another
    database is only migrated when you say so. Options go before settings.

    [bold]Examples[/]
      [cyan]pannier serve --demo[/]                         a shop to try things with
      [cyan]pannier serve --port 9000 --workers 4[/]
      [cyan]PANNIER_DATABASE_URL=postgresql://… pannier serve --migrate[/]

    [bold]Next[/]: `pannier import FILE` in another terminal while it runs.
    """
    from pannier.app.commands.settings_reading import read_settings, warnings_of_unknown
    from pannier.app.supervisor import run_server

    terminal = Terminal()
    settings = read_settings(host=host, port=port, workers=workers, data_dir=data_dir)
    for warning in warnings_of_unknown(os.environ):
        terminal.note(warning)
    opening = Opening(settings, terminal, is_demo=demo, may_migrate=migrate, opens_browser=open_browser)
    raise typer.Exit(run_server(settings, prepare=opening.prepare, next_steps=opening.next_steps))


class Opening:
    """What happens between the start of the database and the first request."""

    def __init__(
        self, settings: Settings, terminal: Terminal, *, is_demo: bool, may_migrate: bool, opens_browser: bool
    ) -> None:
        self._settings = settings
        self._terminal = terminal
        self._is_demo = is_demo
        self._may_migrate = may_migrate
        self._opens_browser = opens_browser
        self._variant: str | None = None
        self._has_products = False
        self._has_demo_code = False

    def prepare(self, url: str) -> None:
        """Tables of this version, and the demo catalogue if it is wanted. Raises PannierError."""
        from pannier.app.commands.shop import bring_up_to_date, require_current, schema_state

        settings = self._settings
        if settings.database_url is None or self._may_migrate:
            bring_up_to_date(url, settings, self._terminal)
        else:
            require_current(schema_state(url, settings))
        self._look(url)
        if self._is_demo and not self._has_products:
            self._seed(url)
            self._look(url)

    def next_steps(self, url: str) -> Sequence[str]:
        """Lines to copy into another terminal; the browser is opened here, since now it finds something."""
        from pannier.app.demo_codes import DEMO_CODE, DEMO_GIFT_CARD
        from pannier.app.welcome import DOCS_PATH

        if self._opens_browser:
            _open_browser(f"{url}{DOCS_PATH}", self._terminal)
        steps = [f"open {url}", f"open {url}{DOCS_PATH}", f"curl {url}/api/v1/products"]
        if self._is_demo and self._has_demo_code:
            steps.append(f"enter the code {DEMO_CODE} in the cart, and pay with the gift card {DEMO_GIFT_CARD}")
        if self._variant is None and self._has_products:
            lacking = f"no stock, or no price in {self._settings.currency}"
            return [*steps, f"pannier stock list   (nothing can be bought: {lacking})"]
        if self._variant is None:
            return [*steps, "pannier seed   (the shop has no products yet; or: pannier import FILE)"]
        body = f'{{"variant_id": "{self._variant}", "quantity": 1}}'
        json_header = "-H 'content-type: application/json'"
        return [
            *steps,
            f"curl -c cart.txt -b cart.txt {json_header} -d '{body}' {url}/api/v1/cart/items",
            f"curl -b cart.txt {url}/api/v1/cart",
        ]

    def _seed(self, url: str) -> None:
        from pannier.app.commands.catalogue import seed_if_empty

        report = seed_if_empty(url, self._settings)
        if report is not None:
            self._terminal.note(f"Put {report.created} demo products into the shop.")

    def _look(self, url: str) -> None:
        """Remember whether there are products, and a variant to show the next steps with.

        In plain SQL: the catalogue takes longer to import than a restart should take.
        """
        from pannier.app.commands.shop import ask_database
        from pannier.app.demo_codes import DEMO_CODE

        async def ask(connection: asyncpg.Connection[Any]) -> None:
            await connection.execute(f"set search_path = {self._settings.database_schema}")
            self._variant = await connection.fetchval(_A_VARIANT, self._settings.currency)
            self._has_products = bool(await connection.fetchval("select exists (select 1 from product)"))
            has_code = "select exists (select 1 from coupon where code = $1)"
            self._has_demo_code = bool(await connection.fetchval(has_code, DEMO_CODE))

        asyncio.run(ask_database(url, ask))


def _open_browser(url: str, terminal: Terminal) -> None:
    """In the background, and only where there is a screen: a browser in this terminal would take it over."""
    import webbrowser

    has_screen = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if not has_screen or not webbrowser.open(url):
        terminal.note(f"There is no browser to open here; the address is {url}")
