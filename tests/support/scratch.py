"""Where the database servers of a test run put their files, and how they are set: nothing of it outlives the run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

_RAM_DISK = Path("/dev/shm")
#: What a server's files may come to: a few databases of 10 MB, and its log of changes.
_ROOM_BYTES = 2 << 30

# Tests that cut the power have a server of their own; for all others a lost file is no loss. A database is copied for
# every test: as files, since by way of the log it would be written twice.
FOR_TESTS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "max_connections": "300",
    # A database lives for a second, and none can be dropped while the server's own process tidies it up.
    "autovacuum": "off",
}


def scratch_directory() -> Path:
    """A new directory that the database's user may enter; in memory where there is plenty of it."""
    place = _RAM_DISK if has_room(_RAM_DISK) else None
    directory = Path(tempfile.mkdtemp(prefix="pannier-tests-", dir=place))
    directory.chmod(0o755)
    return directory


def has_room(ram_disk: Path, room_bytes: int = _ROOM_BYTES) -> bool:
    """Whether it takes what tests write, and leaves the memory that they and the browser need."""
    if not os.access(ram_disk, os.W_OK):
        return False
    return shutil.disk_usage(ram_disk).free > room_bytes and psutil.virtual_memory().available > 3 * room_bytes
