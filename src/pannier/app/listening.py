"""The one socket that the shop listens on."""

from __future__ import annotations

import errno
import socket

from pannier.kernel.errors import ErrorKind, PannierError

_BACKLOG = 2048


class CannotListenError(PannierError):
    """The address cannot be listened on; the message names the setting to change."""

    kind = ErrorKind.unavailable
    error = "CANNOT_LISTEN"
    code = "SERVER_003"
    title = "The address cannot be listened on"


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes any free one. Raises CannotListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListenError(_reason(host, port, error), details={"host": host, "port": port}) from error


def address(listener: socket.socket) -> str:
    """The URL under which a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 # recognised, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8000
        return (
            f"Port {port} on {host} is taken by another program. "
            f"Stop that program, or choose another port: PANNIER_PORT={other} (or --port {other})."
        )
    if error.errno == errno.EACCES:
        return (
            f"Port {port} is reserved for root. Choose one from 1024 up: PANNIER_PORT=8000 (or --port 8000), "
            "and let a proxy such as Caddy or nginx listen on 80 and 443."
        )
    return (
        f"{host!r} cannot be listened on: {error.strerror or error}. PANNIER_HOST (or --host) must be "
        "an address of this machine: 127.0.0.1 for itself only, 0.0.0.0 for everybody who reaches it."
    )
