"""The operating system user that PostgreSQL runs as.

PostgreSQL refuses to run as root. Started by root, it runs as a system user of its own, or as
whoever owns the database files already; started by anybody else, it runs as them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pannier.platform.embedded.errors import EmbeddedServerError

SYSTEM_USER = "pannier-db"


@dataclass(frozen=True)
class Account:
    """A user by name, `uid` and `gid`; `is_switched_to` says that it is not the user we run as."""

    name: str
    uid: int
    gid: int
    is_switched_to: bool

    def can_enter(self, directory: Path) -> bool:
        """Whether the user may pass every directory down to `directory`, which need not exist yet.

        Judged by owner, group and mode. An access control list that says otherwise is not seen; the
        database then goes to a place that is open to everybody, which is safe.
        """
        existing = directory.absolute()
        while not existing.exists():
            existing = existing.parent
        resolved = existing.resolve()
        return all(self._may(entry.stat(), stat.S_IXOTH) for entry in (resolved, *resolved.parents))

    def can_run(self, program: Path) -> bool:
        """Whether the user may read and execute the file `program`."""
        if not self.can_enter(program.parent):
            return False
        return self._may(program.stat(), stat.S_IROTH | stat.S_IXOTH)

    def _may(self, status: os.stat_result, rights: int) -> bool:
        """`rights` are written as those of "others"."""
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return status.st_mode & (rights << shift) == rights << shift


def choose_account(database_files: Path) -> Account:
    """The user to run PostgreSQL as, for files that are or will be at `database_files`.

    Raises EmbeddedServerError when there is no such user and none can be made.
    """
    uid = os.geteuid()
    if uid != 0:
        return _account(uid, is_switched_to=False)
    try:
        owner = database_files.stat().st_uid
    except FileNotFoundError:
        owner = 0
    if owner != 0:
        return _account(owner, is_switched_to=True)
    return _account(_system_user().pw_uid, is_switched_to=True)


def client_user() -> str:
    """The name of the user that the shop's own processes run as."""
    return pwd.getpwuid(os.geteuid()).pw_name


def _account(uid: int, *, is_switched_to: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedServerError(
            f"User id {uid} has no name in /etc/passwd, and PostgreSQL does not start for a nameless user. "
            "Add one (useradd), or set PANNIER_DATABASE_URL to a PostgreSQL server that runs elsewhere."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_switched_to)


def _system_user() -> pwd.struct_passwd:
    """The system user, made when it is absent.

    There is no falling back to `nobody`: whatever else runs as nobody could read the shop's data.
    """
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    command = [useradd or "", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", "--comment", "Pannier's database", SYSTEM_USER]
    problem = "there is no useradd"
    for _ in range(20):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            if useradd is None:
                break
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # fixed words
        problem = made.stderr.strip()
        if made.returncode != 0:
            # Somebody else holds the lock on /etc/passwd, perhaps to make the same user.
            time.sleep(0.1)
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER!r} cannot be made: {problem}. "
        "Run Pannier as an ordinary user, make that user, "
        "or set PANNIER_DATABASE_URL to a PostgreSQL server that runs elsewhere."
    )
