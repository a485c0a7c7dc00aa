"""Where an embedded server lives.

DATA_DIR/postgresql/          the home; a link when the server's user cannot reach DATA_DIR
    data/                     the database files, of the server's user alone
    run/                      its socket, likewise (elsewhere when the path would be too long)
    server.log, server.log.1  its messages, bounded
    *.conf                    its settings, written at each start; `local.conf` is the shop's to write
    owner.lock, guests.lock   who runs it, who uses it
    server.json               its URL while it is up
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pannier.platform.embedded.account import Account, choose_account
from pannier.platform.embedded.binaries import system_directory
from pannier.platform.embedded.errors import EmbeddedServerError

SOCKET_NAME = ".s.PGSQL.5432"
# A socket's address holds 104 bytes on macOS and 108 on Linux, with a zero at the end.
SOCKET_PATH_BYTES_MAX = 103
_ENTRY = "postgresql"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Home:
    """The directory of one embedded server."""

    path: Path

    @property
    def database_files(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def owner_lock(self) -> Path:
        return self.path / "owner.lock"

    @property
    def guests_lock(self) -> Path:
        return self.path / "guests.lock"

    @property
    def announcement(self) -> Path:
        return self.path / "server.json"


def existing_home(data_dir: Path) -> Home | None:
    """The home in `data_dir`, if one was made."""
    entry = data_dir.absolute() / _ENTRY
    return Home(entry.resolve()) if entry.is_dir() else None


def make_home(data_dir: Path, report: Report) -> tuple[Home, Account]:
    """The home in `data_dir` and the user it is run by; made when it is absent.

    Raises EmbeddedServerError when it cannot be made, or its user cannot enter it any more.
    """
    entry = data_dir.absolute() / _ENTRY
    try:
        if entry.is_symlink() and not entry.exists():
            raise EmbeddedServerError(
                f"{entry} leads to {entry.readlink()}, which is gone. "
                "Bring it back, or remove the link to start with an empty database."
            )
        account = choose_account(entry / "data")
        if not entry.exists():
            _make(entry, account, report)
        home = Home(entry.resolve())
        if not account.can_enter(home.path):
            raise EmbeddedServerError(
                f"User {account.name}, who runs the database, may not enter {home.path}. "
                "Give that user the right to pass its parent directories, or move the data directory."
            )
        return home, account
    except PermissionError as error:
        raise EmbeddedServerError(
            f"No permission for {error.filename}. The data directory may belong to another user: "
            "run Pannier as that user, or set PANNIER_DATA_DIR to a directory of your own."
        ) from error
    except OSError as error:
        raise EmbeddedServerError(
            f"The data directory {data_dir} cannot be used: {error.strerror}. "
            "Set PANNIER_DATA_DIR to a directory that can be written."
        ) from error


def _make(entry: Path, account: Account, report: Report) -> None:
    entry.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if account.can_enter(entry.parent):
        entry.mkdir(mode=0o755, exist_ok=True)
        return
    elsewhere = _place_outside(entry.parent)
    try:
        entry.symlink_to(elsewhere)
    except FileExistsError:
        elsewhere.rmdir()
        return
    report(
        f"The database is kept in {elsewhere}, since PostgreSQL does not run as root and "
        f"user {account.name} may not enter {entry.parent}."
    )


def _place_outside(data_dir: Path) -> Path:
    """A fresh directory, named after `data_dir`.

    One that is left from a data directory removed meanwhile is not taken up again: whoever removes a
    data directory wants an empty shop.
    """
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    number = 1
    while True:
        place = system_directory() / (name if number == 1 else f"{name}-{number}")
        try:
            place.mkdir(mode=0o755)
        except FileExistsError:
            number += 1
        else:
            return place


def make_private(directory: Path, account: Account) -> Path:
    """Make `directory` for `account` alone, or see that it is; nobody else may enter it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    if account.is_switched_to and directory.lstat().st_uid == 0:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid != account.uid or status.st_mode & 0o077:
        raise EmbeddedServerError(f"{directory} must be a directory of user {account.name} with mode 0700.")
    return directory


def socket_directory(home: Home, account: Account) -> Path:
    """A private directory whose sockets have a short enough path: in the home, or a temporary one.

    A temporary one is remembered in the home, so that it is found again after a crash.
    """
    inside = home.path / "run"
    if _socket_fits(inside):
        return make_private(inside, account)
    remembered = home.path / "socket-directory"
    if remembered.exists():
        known = Path(remembered.read_text(encoding="utf-8").strip())
        status = known.lstat() if known.is_dir() and not known.is_symlink() else None
        if status and status.st_uid == account.uid and not status.st_mode & 0o077:
            return known
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 # mkdtemp below makes a private one
        if _socket_fits(base / "pannier-12345678") and account.can_enter(base):
            directory = Path(tempfile.mkdtemp(prefix="pannier-", dir=base))
            make_private(directory, account)
            remembered.write_text(f"{directory}\n", encoding="utf-8")
            return directory
    raise EmbeddedServerError(
        f"The path {home.path} is too long for a socket, and so is that of the temporary directory. "
        "Set PANNIER_DATA_DIR to a shorter path."
    )


def _socket_fits(directory: Path) -> bool:
    return len(os.fsencode(directory / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
