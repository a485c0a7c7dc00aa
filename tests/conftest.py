"""What every test may ask for; each plugin says what it brings."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.shared_data",
    "tests.support.oldest",
    "tests.support.database",
    "tests.support.log_watch",
]
