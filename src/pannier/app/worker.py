"""One process that answers requests: `python -m pannier.app.worker --fd N`.

It is started by the supervisor, which hands down the listening socket, so that nobody is refused
while a worker is replaced, and one end of a socket pair. What comes from there is the database's URL,
once there is one: until then we import what takes long. A byte from here means "I answer", and the
end of it over there means that the supervisor is gone and so should we be.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import importlib
import math
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from pannier.app.between import DEFAULT_APP, READY, URL_VARIABLE
from pannier.app.lifecycle import Lifecycle
from pannier.app.serving import DrainingServer, bounded_protocol
from pannier.platform.observability.logs import configure_logging
from pannier.platform.settings import Settings

# Longer than the 60 s of common load balancers, so that it is they who close an idle connection.
KEEP_ALIVE_S = 65
_REQUEST_LINE_BYTES = 16 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer requests until told to stop; ends with 0 then, and with 3 when the app does not start."""
    options = _options(arguments)
    faulthandler.enable()
    # Nothing of what is made until then becomes garbage; looking for it again and again takes a tenth of a start.
    gc.disable()
    make = _load(options.app)
    if options.parent_fd is not None:
        url = _told(options.parent_fd)
        if not url:
            return 0
        os.environ[URL_VARIABLE] = url
    settings = Settings()
    configure_logging(settings.log_level, is_for_people=_is_for_people(settings, options))
    app = make(settings)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded_protocol(settings.max_header_bytes + _REQUEST_LINE_BYTES),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # A proxy is believed where the operator names it, in the variable that uvicorn reads.
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_s),
    )
    listener = socket.socket(fileno=options.fd)
    # What was made so far lives as long as the process; collections need not look at it again.
    gc.collect()
    gc.freeze()
    # A request makes some thousand short-lived objects and hardly a cycle: look for cycles once in many requests.
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
    DrainingServer(config, _on_ready(options), _on_drain(app)).run(sockets=[listener])
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pannier.app.worker", description="Started by `pannier serve`.")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket")
    parser.add_argument("--parent-fd", type=int, help="the socket to the supervisor")
    parser.add_argument("--stderr-fd", type=int, help="where messages go once requests are answered")
    parser.add_argument("--app", default=DEFAULT_APP, help="module:factory, which is called with the settings")
    return parser.parse_args(arguments)


def _load(name: str) -> Callable[[Settings], Any]:
    module, _, factory = name.partition(":")
    made: Callable[[Settings], Any] = getattr(importlib.import_module(module), factory)
    return made


def _told(descriptor: int) -> str:
    """The line that the supervisor sends; empty when it is gone."""
    said = b""
    while not said.endswith(b"\n"):
        more = os.read(descriptor, 1)
        if not more:
            return ""
        said += more
    return said[:-1].decode()


def _is_for_people(settings: Settings, options: argparse.Namespace) -> bool:
    """Whether somebody sits before the messages. Until we answer they pass through the supervisor, which is none."""
    descriptor = 2 if options.stderr_fd is None else options.stderr_fd
    return settings.log_format == "text" or (settings.log_format == "auto" and os.isatty(descriptor))


def _on_ready(options: argparse.Namespace) -> Callable[[DrainingServer], None]:
    def ready(server: DrainingServer) -> None:
        if options.stderr_fd is not None:
            # Until now the supervisor read along, to be able to say why a worker does not start.
            sys.stderr.flush()
            os.dup2(options.stderr_fd, 2)
            os.close(options.stderr_fd)
        if options.parent_fd is not None:
            os.write(options.parent_fd, READY)
            asyncio.get_running_loop().add_reader(options.parent_fd, _parent_gone, options.parent_fd, server)

    return ready


def _on_drain(app: Any) -> Callable[[], None]:
    """From then on the shop says itself that it is not ready, so that a load balancer turns away from it."""
    lifecycle: Lifecycle[Any] | None = getattr(app, "lifecycle", None)
    return lifecycle.begin_drain if lifecycle is not None else lambda: None


def _parent_gone(descriptor: int, server: DrainingServer) -> None:
    asyncio.get_running_loop().remove_reader(descriptor)
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
