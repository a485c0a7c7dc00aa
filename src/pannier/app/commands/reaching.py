"""Why a database cannot be reached, in the words of whoever has to mend it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from pannier.app.commands.settings_reading import without_password

_CHECK = "Is PostgreSQL running there? Check host and port in PANNIER_DATABASE_URL"


def why_unreachable(url: str, error: BaseException, waited_s: float = 10) -> str:
    """Where the database is, why it cannot be used, and what to do. No password is in it."""
    why = _refused(url, error) if isinstance(error, asyncpg.PostgresError) else _not_there(error, waited_s)
    return f"{without_password(url)}: {why}"


def _refused(url: str, error: asyncpg.PostgresError) -> str:
    """A server answered, and does not let us in."""
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError() if (owner := _owner_of_embedded(url)) is not None:
            return (
                f"the shop is run by the user {owner}, and lets nobody else in.\n"
                f"Run this as that user: sudo -u {owner} pannier …"
            )
        case asyncpg.InvalidAuthorizationSpecificationError() if "pg_hba.conf" in str(error):
            return f"its rules of who may come in do not let us ({error}).\n{_how_to_come_in(url)}"
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return f"it refuses the user or the password ({error}).\nCheck both in PANNIER_DATABASE_URL."
        case asyncpg.InvalidCatalogNameError():
            return f"{error}.\nMake it first: createdb NAME (or `create database NAME` in psql)."
        case asyncpg.InsufficientPrivilegeError():
            return f"{error}.\nGrant it there: grant connect on database NAME to USER."
        case asyncpg.TooManyConnectionsError():
            return (
                "it takes no more connections.\n"
                "Raise max_connections there, or lower PANNIER_DATABASE_POOL_SIZE or PANNIER_WORKERS here."
            )
        case asyncpg.CannotConnectNowError():
            return f"{error}.\nWait until it is up, then try again."
    return f"{error}.\n{_CHECK}."


def _how_to_come_in(url: str) -> str:
    """What to change where pg_hba.conf has no place for us. Unless it is forbidden, TLS has been tried as well."""
    parts = urlsplit(url)
    if parse_qs(parts.query).get("sslmode", [""])[0] in {"disable", "allow"}:
        return (
            "It may want TLS: set sslmode=require in PANNIER_DATABASE_URL. If not, its pg_hba.conf needs a line for us."
        )
    line = f"host {parts.path[1:] or 'DATABASE'} {parts.username or 'USER'} OUR_ADDRESS scram-sha-256"
    return (
        f"Put a line like this into its pg_hba.conf, above one that rejects, and reload it:\n  {line}\n"
        "PostgreSQL tells the address that it sees in its message."
    )


def _not_there(error: BaseException, waited_s: float) -> str:
    """Nobody answered, or not as a PostgreSQL server does."""
    match error:
        case ssl.SSLError():
            return (
                f"no TLS connection comes about ({error}).\n"
                "Check sslmode and sslrootcert in PANNIER_DATABASE_URL, and the server's certificate."
            )
        case ConnectionError() if "SSL" in str(error):
            return (
                "the server speaks no TLS, and sslmode asks for it.\nTurn it on there (ssl = on), or take sslmode out."
            )
        case socket.gaierror():
            return "its name is not known (DNS).\nCheck the host in PANNIER_DATABASE_URL: getent hosts NAME"
        case ConnectionRefusedError():
            return f"nobody listens there.\n{_CHECK}: pg_isready -h HOST -p PORT"
        case FileNotFoundError():
            return "there is no socket in that directory.\nIs PostgreSQL running? See its unix_socket_directories."
        case TimeoutError():
            return f"no answer within {waited_s:g} s.\nCheck host and port, and any firewall between here and there."
        case ValueError() | asyncpg.InterfaceError() if "certificate" in str(error):
            return (
                f"there is no certificate to hold the server's against ({error}).\n"
                "Name the file of whoever vouches for it: &sslrootcert=/path/to/ca.pem in PANNIER_DATABASE_URL."
            )
        case ValueError() | asyncpg.InterfaceError():
            return f"the address cannot be read ({error}).\nIt looks like postgresql://user:password@host:5432/name"
    return f"{error}.\n{_CHECK}."


def _owner_of_embedded(url: str) -> str | None:
    """The user whose embedded server this is; None where it is no embedded one, or its user has no name."""
    host = parse_qs(urlsplit(url).query).get("host", [""])[0]
    home = Path(host).parent
    with contextlib.suppress(OSError, KeyError):
        return home.owner() if host.startswith("/") and (home / "owner.lock").exists() else None
    return None
