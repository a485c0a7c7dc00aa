"""What `pannier doctor` looks at: the machine and the database, as the settings name them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pannier.app.diagnosis_database import of_database
from pannier.app.diagnosis_disk import disk
from pannier.app.diagnosis_settings import Finding, combinations, weaknesses
from pannier.platform.embedded import (
    DataDirectoryInUseError,
    EmbeddedServerError,
    Home,
    existing_home,
    lease,
    running_url,
    trouble_of,
    unexpected_stops,
)

if TYPE_CHECKING:
    from pannier.platform.settings import Settings

_HTTP_TIMEOUT_S = 2.0
_EVERY_NETWORK = ("0.0.0.0", "::")  # noqa: S104 # recognised, not bound


def diagnose(settings: Settings, report: Callable[[str], None]) -> Iterator[Finding]:
    """Look at everything, one finding after the other; `report` gets remarks of what takes long."""
    yield access(settings)
    yield from combinations(settings)
    yield from weaknesses(settings, os.environ)
    yield port(settings)
    if settings.database_url is not None:
        yield from of_database(settings.database_url, settings)
        return
    yield disk((settings.data_dir / "postgresql").resolve())
    yield from _embedded(settings, report)


def access(settings: Settings) -> Finding:
    """Whether staff can get in."""
    if settings.admin_token is not None:
        return Finding("staff", "ok", "PANNIER_ADMIN_TOKEN is set: the staff routes are open to it")
    return Finding(
        "staff",
        "note",
        "PANNIER_ADMIN_TOKEN is not set: the staff routes are closed",
        "To open them: export PANNIER_ADMIN_TOKEN=$(openssl rand -base64 24)",
    )


def port(settings: Settings) -> Finding:
    """Whether the port is free, or has this shop on it."""
    place = f"port {settings.port} on {settings.host}"
    if settings.port == 0:
        return Finding("port", "ok", "a free one will be taken")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_pannier(settings):
            return Finding("port", "ok", f"a Pannier answers on {place}")
        if error.errno == errno.EADDRINUSE:
            return Finding(
                "port", "problem", f"{place} is taken by another program",
                f"Stop it, or set PANNIER_PORT to another one. `ss -ltnp sport = :{settings.port}` shows which it is.",
            )  # fmt: skip
        advice = "PANNIER_HOST must be an address of this machine, and a port below 1024 needs root."
        return Finding("port", "problem", f"{place} cannot be listened on: {error.strerror or error}", advice)
    return Finding("port", "ok", f"{place} is free")


def _embedded(settings: Settings, report: Callable[[str], None]) -> Iterator[Finding]:
    if not (settings.data_dir / "postgresql" / "data").exists():
        yield Finding(
            "database", "note", f"{settings.data_dir} holds no database yet", "`pannier serve --demo` makes one."
        )
        return
    is_running = running_url(settings.data_dir) is not None
    server = existing_home(settings.data_dir)
    assert server is not None, "the directory is there"
    try:
        with lease(settings.data_dir, report=report) as url:
            how = "is running" if is_running else "is stopped, and starts"
            home = (settings.data_dir / "postgresql").resolve()
            yield Finding("database", "ok", f"the embedded PostgreSQL in {home} {how}")
            yield from stops(server)
            yield from of_database(url, settings)
    except EmbeddedServerError as error:
        advice = "Its log is postgresql/server.log in the data directory."
        if not isinstance(error, DataDirectoryInUseError):
            trouble = trouble_of(server)
            advice = f"Most likely {trouble.found}. {trouble.advice}"
        yield Finding("database", "problem", error.message, advice)


def stops(home: Home) -> Iterator[Finding]:
    """What the embedded server's log tells of stops that nobody asked for."""
    if times := unexpected_stops(home):
        trouble = trouble_of(home)
        told = f"PostgreSQL has stopped {times} time{'s' if times > 1 else ''} without being told to: {trouble.found}"
        yield Finding("stops", "note", told, trouble.advice)


def _is_pannier(settings: Settings) -> bool:
    """Whether what listens there answers as a shop does."""
    import httpx

    host = "127.0.0.1" if settings.host == _EVERY_NETWORK[0] else settings.host
    host = f"[{host}]" if ":" in host else host
    with contextlib.suppress(httpx.HTTPError, ValueError):
        answer = httpx.get(
            urlsplit(f"http://{host}:{settings.port}/api/v1/openapi.json").geturl(), timeout=_HTTP_TIMEOUT_S
        )
        return bool(answer.json()["info"]["title"] == "Pannier")
    return False
