"""uvicorn, bounded in what it reads and careful in how it stops.

Two things it does not do by itself:

A request head that never ends, or comes a byte at a time, costs memory or a connection for ever.
Here it has a length and a time.

At a shutdown uvicorn closes idle keep-alive connections at once, also those whose next request is
on its way. Here they are answered for a moment longer, each answer saying that it is the last on
its connection, so that a client which is talking to us never meets a closed door; and those whom
the kernel has connected but nobody has accepted yet are let in first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pannier.app.between import LAST_CALL_S

HEAD_TIMEOUT_S = 30.0
_logger = logging.getLogger(__name__)
#: How many a worker lets in before it looks at what else there is to do, and how long it waits where none can be.
_AT_ONCE = 2
_ROOM_S = 1.0


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose request line and header fields are bounded in length and time."""

    head_bytes_max = 64 * 1024
    head_timeout_s = HEAD_TIMEOUT_S

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._is_head_open = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._is_head_open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_head_open = False
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_head_open or self.transport.is_closing():
            return
        # The parser keeps what it has of an unfinished head; only a piece without an end is counted here.
        self._head_bytes += len(data)
        if self._head_bytes > self.head_bytes_max:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._too_slow)

    def _too_slow(self) -> None:
        if self._is_head_open and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer before there is a request the application could be asked about."""
        # uvicorn's annotation leaves out that there is no cycle before the first request.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            body = b'{"type":"about:blank","title":"%s","status":%d}' % (status.phrase.encode(), status)
            head = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n" % (
                status,
                status.phrase.encode(),
            )
            self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        self.transport.close()


def bounded_protocol(head_bytes_max: int, head_timeout_s: float = HEAD_TIMEOUT_S) -> type[BoundedProtocol]:
    """A protocol with these bounds; uvicorn makes its protocols itself and hands them nothing of ours."""

    class Bounded(BoundedProtocol):
        pass

    Bounded.head_bytes_max = head_bytes_max
    Bounded.head_timeout_s = head_timeout_s
    return Bounded


def _next(listener: socket.socket) -> socket.socket | None:
    """The next who waits; None when nobody does, or when nobody can be let in."""
    while True:
        try:
            return listener.accept()[0]
        except (InterruptedError, ConnectionAbortedError):
            # That one has gone again; another may wait behind.
            continue
        except OSError:
            return None


class DrainingServer(uvicorn.Server):
    """A server that loses no request when it stops.

    `on_ready` is called once it answers, `on_drain` when it begins to stop, which it does on SIGTERM, on
    SIGINT and by `stop()`.
    """

    def __init__(
        self, config: Config, on_ready: Callable[[DrainingServer], None], on_drain: Callable[[], None]
    ) -> None:
        super().__init__(config)
        assert isinstance(config.http, type), "the protocol is given as a class"
        assert issubclass(config.http, BoundedProtocol), "and bounds what it reads"
        self._protocol_class = config.http
        self._on_ready = on_ready
        self._on_drain = on_drain
        self._arriving: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Begin to drain."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # Told of no socket, it starts everything else; accepting is ours.
        await super().startup([])
        for listener in sockets or []:
            listener.setblocking(False)
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self._on_ready(self)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_drain()
        await self._stop_accepting(sockets or [])
        await self._last_call()
        await super().shutdown(sockets)

    def _accept(self, listener: socket.socket) -> None:
        """Let a few in. Whoever comes next finds another worker if that is quicker here again: were all let in that
        wait, the first worker to wake would keep a whole crowd for as long as their connections last."""
        try:
            for _ in range(_AT_ONCE):
                self._let_in(listener.accept()[0])
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # Whoever waits goes on waiting, and we do not ask without end.
            _logger.warning("no connection can be accepted, again in %g s: %s", _ROOM_S, error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(_ROOM_S, self._accept_again, listener)

    def _accept_again(self, listener: socket.socket) -> None:
        # Closed by now where the server stops.
        if listener.fileno() != -1:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _let_in(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _connect(self, connection: socket.socket) -> None:
        # Who has gone again meanwhile is missed by nobody.
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, these do not end a process by the signal after it has drained in order."""

        def drain(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, drain)
        yield

    async def _stop_accepting(self, sockets: list[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        # No await between the last accept and the close, so that nobody gets in between.
        for listener in sockets:
            loop.remove_reader(listener)
            while (connection := _next(listener)) is not None:
                self._let_in(connection)
            listener.close()
        if self._arriving:
            await asyncio.wait(self._arriving)

    def _protocol(self) -> asyncio.Protocol:
        return self._protocol_class(self.config, self.server_state, self.lifespan.state)

    async def _last_call(self) -> None:
        """Answer what still comes for a moment, and let every answer be the last on its connection."""
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        for connection in state.connections:
            cycle = getattr(connection, "cycle", None)
            # An answer under way has said already that the connection stays; its client may ask once more.
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
        deadline = asyncio.get_running_loop().time() + LAST_CALL_S
        # uvicorn keeps a plain set of its connections and tells nobody when one goes.
        while state.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 # no event
            await asyncio.sleep(0.02)
