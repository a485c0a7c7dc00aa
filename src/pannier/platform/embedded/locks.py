"""Who owns a home and who is its guest.

Both are `flock`s: the kernel gives them back when their holder dies, however it dies, and no child
process inherits them.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FileLock:
    """A lock on `path`, for this process alone or shared. The holder that is alone may leave a note in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_alone(self) -> bool:
        """Take the lock for this process alone, or say that somebody has it."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take the lock together with others, or say that somebody has it alone."""
        return self._try(fcntl.LOCK_SH)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write_pid(self) -> None:
        """Say who holds the lock."""
        assert self._descriptor is not None, "only the holder says who it is"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def read_pid(self) -> int | None:
        """The process id its holder wrote, None when there is none to read."""
        try:
            text = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdigit() else None

    def _try(self, kind: int) -> bool:
        assert self._descriptor is None, "a lock is taken once"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._descriptor = descriptor
        return True
