"""A disk that can be filled: a small file system of our own, or where we may not mount one, a limit on file sizes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from pannier.platform.embedded.home import make_home
from pannier.platform.embedded.process import run

DATA_DIR = "data"
_BALLAST = "ballast"
_STEP_BYTES = 4096


class Volume:
    """The directory that the database lies on. `how` says in a line how it is filled."""

    def __init__(self, path: Path, how: str) -> None:
        self.path = path
        self.how = how

    def fill(self, processes: list[psutil.Process]) -> None:
        """From now on nothing more can be written; `processes` are PostgreSQL's."""
        raise NotImplementedError

    def free(self, processes: list[psutil.Process]) -> None:
        """There is room again."""
        raise NotImplementedError


class MountedVolume(Volume):
    """A file system in memory, filled to its last block by one large file."""

    def fill(self, processes: list[psutil.Process]) -> None:
        with (self.path / _BALLAST).open("wb") as ballast, contextlib.suppress(OSError):
            size = 0
            while True:
                step = max(_STEP_BYTES, shutil.disk_usage(self.path).free)
                os.posix_fallocate(ballast.fileno(), size, step)
                size += step

    def free(self, processes: list[psutil.Process]) -> None:
        (self.path / _BALLAST).unlink(missing_ok=True)


class LimitedVolume(Volume):
    """A plain directory; PostgreSQL's processes, and those they start, may write no file larger than a page.

    What it writes first is its write-ahead log, so it stops. Set by its own user, as root may not do it everywhere.
    """

    def fill(self, processes: list[psutil.Process]) -> None:
        self._limit(processes, "8192")

    def free(self, processes: list[psutil.Process]) -> None:
        self._limit(processes, "unlimited")

    def _limit(self, processes: list[psutil.Process], size: str) -> None:
        _, account = make_home(self.path / DATA_DIR, lambda _: None)
        program = shutil.which("prlimit")
        assert program is not None, "util-linux brings it"
        for process in processes:
            # One that has just ended is no longer there to be limited.
            run(account, [program, f"--fsize={size}:", "--pid", str(process.pid)])


@contextlib.contextmanager
def volume(size_mib: int, *, may_mount: bool = True) -> Iterator[Volume]:
    """A directory that everybody may enter, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pannier-soak-") as name:
        path = Path(name)
        path.chmod(0o755)
        refusal = _mount(path, size_mib) if may_mount else "not asked to"
        if refusal is not None:
            how = f"The disk is filled by a limit on file sizes, since no file system can be mounted: {refusal}."
            yield LimitedVolume(path, how)
            return
        try:
            yield MountedVolume(path, f"The disk is a file system of {size_mib} MiB in memory.")
        finally:
            # Lazily: whoever is being killed may still have a file open.
            subprocess.run(["umount", "--lazy", name], check=True)


def _mount(path: Path, size_mib: int) -> str | None:
    """None when it is mounted, else why it is not."""
    if os.geteuid() != 0:
        return "that needs root"
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0755", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip() or "mount failed" if done.returncode else None
