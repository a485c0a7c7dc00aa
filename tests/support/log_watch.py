"""Watches every log line of a whole test run for secrets; a run that has logged one fails, and says which test did.

What is looked at is what the product writes: in the processes of the tests each record as its formatter makes it, and
what servers and commands in processes of their own have written, when they end (`look_through`). Looked for are the
shapes of all tokens, hashes of passwords, and the secrets that tests use.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest

from pannier.platform.observability.logs import JsonFormatter

SHAPES = re.compile(
    r"\b(?:ct|lt|wl)_[A-Za-z0-9_-]{43}\b"  # tokens of carts, links and shared wishlists
    r"|\brt_[A-Za-z0-9_-]{80,}"  # sessions
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # signed tokens
    r"|\$argon2id\$"
)
KNOWN = ("a-token-for-tests-only", "three grey herons", "the-staff-token-of-this-test", "a brand new word")


def secret_in(line: str) -> str | None:
    """The beginning of the secret in a line of log; None when there is none."""
    found = SHAPES.search(line)
    if found is not None:
        return found[0][:12]
    return next((known[:12] for known in KNOWN if known in line), None)


class LogWatch(logging.Handler):
    """Remembers which tests logged a secret. It keeps the beginning only: reports are read as well."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line. Whatever cannot be formatted is another handler's to complain of."""
        try:
            line = self.format(record)
        except (TypeError, ValueError):
            return
        self.look(line, record.name)

    def look(self, line: str, source: str) -> None:
        """Look at a line that somebody has written."""
        secret = secret_in(line)
        if secret is not None:
            test = os.environ.get("PYTEST_CURRENT_TEST", "no test")
            self.found.append(f"{test}: {source} logged a secret that begins with {secret!r}")


def look_through(written: str | Path, source: str) -> None:
    """Look at what a process of the product has written, as text or in a file or folder; `source` says which it was."""
    watches = [handler for handler in logging.getLogger().handlers if isinstance(handler, LogWatch)]
    texts = [written] if isinstance(written, str) else [_text(file) for file in _files(written)]
    for line in (line for text in texts for line in text.splitlines()):
        for watch in watches:
            watch.look(line, source)


def _files(place: Path) -> list[Path]:
    return [file for file in sorted(place.rglob("*")) if file.is_file()] if place.is_dir() else [place]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


_WATCH: pytest.StashKey[LogWatch] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    watch = config.stash[_WATCH] = LogWatch()
    # No level is changed: what a test sees of the log is its own affair.
    logging.getLogger().addHandler(watch)


def pytest_unconfigure(config: pytest.Config) -> None:
    logging.getLogger().removeHandler(config.stash[_WATCH])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    found = session.config.stash[_WATCH].found
    place = os.environ.get("PANNIER_TEST_LOG_FINDINGS")
    if found and place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write("\n".join(found) + "\n")
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_WATCH].found:
        terminalreporter.write_line(f"SECRET IN THE LOG  {line}", red=True)
