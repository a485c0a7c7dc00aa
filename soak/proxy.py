"""A TCP proxy that breaks connections in the ways networks do.

It stands in front of a server at a TCP address or a Unix socket, and passes everything on until it is told:

    cut()               every connection is reset, on both sides
    lose()              every connection goes dead without a word, for ever; new ones are well (half-open)
    stop() .. resume()  nothing passes, new connections neither; what was open then stays dead (black hole)
    slow_s              each piece is held back so long, and pieces are small
    next_answer         the next answer is cut in the middle ("cut") or never comes ("lose")
    next_commit         what happens at the next commit (for proxies of PostgreSQL): see `Commit`
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Literal

from soak.wire import IDLE, ClientMessages

#: The request is dropped and the line cut; or it is passed, and the line cut before the answer, or no answer comes.
Commit = Literal["drop request", "drop answer", "lose answer"]
_PIECE_BYTES = 64 * 1024
_SLOW_PIECE_BYTES = 1024
# How long the far side of a dead connection is kept in the dark: longer than a server takes to get suspicious.
_DEAD_KEPT_S = 15.0
_NO_LINGER = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy."""

    def __init__(self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.from_client, self.to_client = client
        self.from_server: asyncio.StreamReader | None = None
        self.to_server: asyncio.StreamWriter | None = None
        #: Nothing passes any more, and neither side is told.
        self.is_dead = False
        self.is_cut = False
        #: The server is at a commit whose answer is not to arrive, and what is to happen then.
        self.at_commit: Commit | None = None

    def cut(self) -> None:
        """Reset both sides: what was sent and not yet read is gone."""
        self.is_dead = self.is_cut = True
        for writer in (self.to_client, self.to_server):
            if writer is None:
                continue
            end = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                if end is not None and end.family != socket.AF_UNIX:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()


class Proxy:
    """One listening port on this machine, and the server behind it: a (host, port) or the path of a Unix socket."""

    def __init__(self, target: tuple[str, int] | str, *, is_database: bool = False) -> None:
        self.port = 0
        self.slow_s = 0.0
        self.next_answer: Literal["cut", "lose"] | None = None
        self.next_commit: Commit | None = None
        #: How many times something was done to an answer or a commit that was to be awaited.
        self.hits = 0
        self._target = target
        self._is_database = is_database
        self._is_stopped = False
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        """The proxy, as long as the block lasts."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            # Transports that were aborted close their sockets in the loop's next turns.
            for _ in range(3):
                await asyncio.sleep(0)

    def cut(self) -> None:
        for link in list(self._links):
            link.cut()

    def lose(self) -> None:
        for link in self._links:
            link.is_dead = True

    def stop(self) -> None:
        self._is_stopped = True
        self.lose()

    def resume(self) -> None:
        self._is_stopped = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link((reader, writer))
        link.is_dead = self._is_stopped
        self._links.add(link)
        task = asyncio.current_task()
        assert task is not None, "a server's callback runs in a task"
        self._tasks.add(task)
        try:
            await self._serve(link)
        except (OSError, asyncio.CancelledError):
            # Its own end: cut, refused by the server, or the proxy is being closed.
            link.cut()
        finally:
            link.cut()
            self._links.discard(link)
            self._tasks.discard(task)

    async def _serve(self, link: Link) -> None:
        if not link.is_dead:
            if isinstance(self._target, str):
                link.from_server, link.to_server = await asyncio.open_unix_connection(self._target)
            else:
                link.from_server, link.to_server = await asyncio.open_connection(*self._target)
        pumps = [asyncio.create_task(self._requests(link))]
        if link.from_server is not None:
            pumps.append(asyncio.create_task(self._answers(link)))
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if link.is_dead and not link.is_cut:
                # One side has given up, and the other hears nothing of that either.
                await asyncio.wait(pumps, timeout=_DEAD_KEPT_S)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(self, link: Link) -> None:
        messages = ClientMessages()
        while data := await link.from_client.read(_PIECE_BYTES):
            if link.is_dead or link.to_server is None:
                continue
            if not self._is_database:
                await self._send(link.to_server, data, link)
                continue
            for message, commits in messages.feed(data):
                if commits and self.next_commit is not None:
                    link.at_commit, self.next_commit = self.next_commit, None
                    if link.at_commit == "drop request":
                        self.hits += 1
                        link.cut()
                        return
                link.to_server.write(message)
            await self._drain(link.to_server)

    async def _answers(self, link: Link) -> None:
        assert link.from_server is not None, "the server was reached"
        while data := await link.from_server.read(_PIECE_BYTES):
            if link.is_dead:
                continue
            if link.at_commit is not None:
                # Not before the server is done with it: it is to be a commit that nobody hears of.
                if data.endswith(IDLE):
                    self.hits += 1
                    if link.at_commit == "drop answer":
                        link.cut()
                        return
                    link.is_dead = True
                continue
            if self.next_answer is not None:
                how, self.next_answer = self.next_answer, None
                self.hits += 1
                if how == "lose":
                    link.is_dead = True
                    continue
                link.to_client.write(data[: len(data) // 2])
                await self._drain(link.to_client)
                link.cut()
                return
            await self._send(link.to_client, data, link)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes, link: Link) -> None:
        size = _SLOW_PIECE_BYTES if self.slow_s else len(data)
        for start in range(0, len(data), size):
            if self.slow_s:
                await asyncio.sleep(self.slow_s)
            if not link.is_dead:
                writer.write(data[start : start + size])
        await self._drain(writer)

    @staticmethod
    async def _drain(writer: asyncio.StreamWriter) -> None:
        if not writer.transport.is_closing():
            await writer.drain()
