"""A PostgreSQL server of the shop's own, kept in its data directory.

    EmbeddedServer      owns the server: starts first, stops last, starts it again when it dies
    lease(data_dir)     the running server's URL, or one of our own for as long as it takes
    running_url(dir)    the URL of a server that is up, or None
    trouble_of(home)    why a server stops again and again

Every program is either the one owner or a guest of it; a lock in the data directory decides.
The server listens on a Unix socket only, and its clients are told apart by their operating
system user, so there is no password to keep and no port to guard.

    EmbeddedServerError            it cannot be started, and the message says what to do
    └── DataDirectoryInUseError    another process owns this data directory already
"""

from __future__ import annotations

from pannier.platform.embedded.errors import DataDirectoryInUseError, EmbeddedServerError
from pannier.platform.embedded.home import Home, existing_home
from pannier.platform.embedded.lease import lease, running_url
from pannier.platform.embedded.server import EmbeddedServer
from pannier.platform.embedded.trouble import Trouble, trouble_of, unexpected_stops

__all__ = [
    "DataDirectoryInUseError",
    "EmbeddedServer",
    "EmbeddedServerError",
    "Home",
    "Trouble",
    "existing_home",
    "lease",
    "running_url",
    "trouble_of",
    "unexpected_stops",
]
