"""What `pannier serve` says once the shop is open."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pannier import __version__
from pannier.platform.embedded import EmbeddedServer
from pannier.platform.settings import Settings

#: Given the shop's address, the lines that tell what can be done now.
NextSteps = Callable[[str], Sequence[str]]

DOCS_PATH = "/api/v1/docs"


def look_around(url: str) -> Sequence[str]:
    """What can be looked at in every shop: its pages, and what programs can do."""
    return (f"open {url}", f"open {url}{DOCS_PATH}", f"curl {url}/api/v1/products")


def welcome(settings: Settings, url: str, database: EmbeddedServer | None, next_steps: NextSteps) -> str:
    """Version, address, where the data is, how to stop, what to do next."""
    workers = f"{settings.workers} process" + ("es" if settings.workers != 1 else "")
    rows = [
        ("Address", url),
        ("Data", _place_of_data(settings, database)),
        ("Workers", workers),
        ("Stop", f"Ctrl+C, or kill {os.getpid()}"),
    ]
    steps = list(next_steps(url))
    rows += [("Next" if number == 0 else "", step) for number, step in enumerate(steps)]
    title = f"Pannier {__version__} is open."
    if sys.stdout.isatty():
        title = f"\x1b[1m{title}\x1b[0m"
    return "\n".join(["", title, *(f"  {name:<8} {value}" for name, value in rows), "", ""])


def _place_of_data(settings: Settings, database: EmbeddedServer | None) -> str:
    if database is None:
        target = urlsplit(settings.database_url or "")
        return f"PostgreSQL at {target.hostname or 'a local socket'}{target.path}"
    place = _short(settings.data_dir)
    if not database.home.is_relative_to(settings.data_dir.resolve()):
        place += f", which leads to {database.home}"
    return f"{place} (embedded PostgreSQL, process {database.pid})"


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return f"./{path.absolute().relative_to(Path.cwd())}"
    return str(path)
