"""The database files and settings of an embedded server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pannier.platform.embedded.account import Account, client_user
from pannier.platform.embedded.binaries import MAJOR_VERSION, Binaries
from pannier.platform.embedded.errors import EmbeddedServerError
from pannier.platform.embedded.home import Home, make_private
from pannier.platform.embedded.process import run

# Also the name of the role that owns the database and of the map in pg_ident.conf.
DATABASE = "pannier"
SUPERUSER = "postgres"
_MIB = 1024 * 1024

_SETTINGS = """\
# Written by Pannier at each start. Your own settings go into local.conf beside this file.
data_directory = {data}
hba_file = {hba}
ident_file = {ident}
listen_addresses = ''
unix_socket_directories = {sockets}
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = {shared_buffers_mib}MB
effective_cache_size = {cache_mib}MB
maintenance_work_mem = 64MB
# An order that was acknowledged is on the disk: fsync, synchronous_commit and full_page_writes stay on.
# wal_compression stays off: the wheel's PostgreSQL is built without lz4, and pglz costs more than it saves.
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
log_destination = stderr
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = UTC
timezone = UTC
lc_messages = 'C'
lc_monetary = 'C'
lc_numeric = 'C'
lc_time = 'C'
{include}
"""

# The shop's role owns its database and nothing else; the superuser is for this set-up only.
_SET_UP = f"""\
SELECT 'CREATE ROLE {DATABASE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{DATABASE}') \\gexec
SELECT 'CREATE DATABASE {DATABASE} OWNER {DATABASE} TEMPLATE template0'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
SELECT 'REVOKE CONNECT, TEMPORARY ON DATABASE {DATABASE} FROM PUBLIC'
 WHERE has_database_privilege('public', '{DATABASE}', 'CONNECT') \\gexec
"""


def make_cluster(home: Home, account: Account, binaries: Binaries) -> bool:
    """Make the database files when they are absent, and say whether they were.

    They are made under another name and renamed at the end, so that whoever interrupts it finds nothing
    half made. Raises EmbeddedServerError, also for files of another major version.
    """
    version_file = home.database_files / "PG_VERSION"
    if version_file.exists():
        version = version_file.read_text(encoding="ascii").strip()
        if version != MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{home.database_files} was written by PostgreSQL {version}, and this Pannier brings "
                f"{MAJOR_VERSION}. Export the shop with the Pannier that made it, and import it here."
            )
        return False
    unfinished = home.path / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private(unfinished, account)
    made = run(account, _initdb(binaries, unfinished))
    if made.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedServerError(f"The database files cannot be made:\n{made.stdout.strip()}")
    unfinished.rename(home.database_files)
    return True


def _initdb(binaries: Binaries, target: Path) -> list[str | Path]:
    options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--auth-local=peer", "--auth-host=reject", "--data-checksums", "--no-instructions"]
    return [binaries.program("initdb"), *options, f"--username={SUPERUSER}", "--pgdata", target]


def write_settings(home: Home, account: Account, sockets: Path) -> Path:
    """Write the configuration files and return the main one.

    They stand in the home and not among the database files, which the server's user could replace by
    links for root to write through.
    """
    ram_mib = _memory_bytes() // _MIB
    local = home.path / "local.conf"
    hba, ident, main = (home.path / name for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf"))
    # The socket tells the server who calls: no password, and no other user of the machine gets in.
    _write(hba, f"local all all peer map={DATABASE}\n")
    _write(
        ident,
        "".join(
            f'{DATABASE} "{user}" {role}\n'
            for user, role in (
                (account.name, SUPERUSER),
                (account.name, DATABASE),
                (client_user(), DATABASE),
            )
        ),
    )
    settings = _SETTINGS.format(
        data=_quoted(home.database_files),
        hba=_quoted(hba),
        ident=_quoted(ident),
        # A list; the inner quotes keep a comma in the path from ending its entry.
        sockets=_quoted(f'"{sockets}"'),
        include=f"include {_quoted(local)}" if local.exists() else "",
        shared_buffers_mib=min(512, max(128, ram_mib // 16)),
        cache_mib=max(256, ram_mib // 2),
    )
    _write(main, settings)
    return main


def set_up_database(account: Account, binaries: Binaries, sockets: Path) -> None:
    """Make the role and the database when they are absent. Raises EmbeddedServerError."""
    options = [
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        f"--username={SUPERUSER}",
        "--dbname=postgres",
    ]
    done = run(account, [binaries.program("psql"), *options, f"--host={sockets}", "--file=-"], stdin=_SET_UP)
    if done.returncode != 0:
        raise EmbeddedServerError(f"The database {DATABASE!r} cannot be made:\n{done.stdout.strip()}")


def _write(file: Path, text: str) -> None:
    """Replace `file` in one step: a server that reads its settings again never sees half of them."""
    draft = file.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    draft.replace(file)


def _quoted(value: Path | str) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def _memory_bytes() -> int:
    """The memory we may use: the machine's, or less in a container that has a limit."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return installed
    return min(installed, int(limit)) if limit.isdigit() else installed
