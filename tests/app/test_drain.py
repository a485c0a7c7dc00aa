"""No request is lost when a server stops: each is answered whole, or was never begun."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import json
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.lifespan.off import LifespanOff
from uvicorn.server import ServerState

from pannier.app import serving
from pannier.app.serving import bounded_protocol
from tests.support.served import Served, serve
from tests.support.waiting import wait_until, wait_until_async

_numbers = itertools.count(1)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Load:
    """What became of each request: `answered` whole, `refused` a connection, `dropped` or `half` answered."""

    outcomes: dict[int, str] = field(default_factory=dict)
    on_used_connection: set[int] = field(default_factory=set)
    is_over: bool = False

    def count(self, outcome: str) -> int:
        return Counter(self.outcomes.values())[outcome]

    def of(self, outcome: str) -> set[int]:
        return {number for number, became in self.outcomes.items() if became == outcome}


async def _shopper(load: Load, address: tuple[str, int], *, keeps_alive: bool) -> None:
    """Sends one request after the other until nobody listens any more."""
    while not load.is_over:
        try:
            reader, writer = await asyncio.open_connection(*address)
        except OSError:
            load.outcomes[next(_numbers)] = "refused"
            return
        await _visit(load, reader, writer, keeps_alive=keeps_alive)


async def _visit(load: Load, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keeps_alive: bool) -> None:
    """Sends requests on one connection for as long as it may be used."""
    is_used = False
    while not load.is_over:
        number = next(_numbers)
        if is_used:
            load.on_used_connection.add(number)
        load.outcomes[number], is_open = await _ask(reader, writer, number)
        is_used = True
        if not is_open or not keeps_alive:
            break
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> tuple[str, bool]:
    """One request; what became of it, and whether the connection may be used again."""
    got = b""
    try:
        writer.write(b"POST /take/%d HTTP/1.1\r\nhost: shop\r\ncontent-length: 2\r\n\r\nhi" % number)
        await writer.drain()
        while b"\r\n\r\n" not in got:
            piece = await reader.read(4096)
            if not piece:
                return ("half" if got else "dropped"), False
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        expected = b"%d" % number
        while len(body) < len(expected):
            piece = await reader.read(4096)
            if not piece:
                return "half", False
            body += piece
    except OSError:
        return ("half" if got else "dropped"), False
    assert head.startswith(b"HTTP/1.1 200")
    assert body == expected
    return "answered", b"connection: close" not in head.lower()


async def _under_load(server: Served, stop: signal.Signals, pid: int, *guests: Connection) -> Load:
    """Sixteen shoppers on kept connections and four on fresh ones, while `pid` gets the signal; and these guests.

    They go on until a stopped server refuses them all, or until a worker was replaced.
    """
    address, load = await asyncio.to_thread(lambda: server.address), Load()
    async with asyncio.TaskGroup() as group:
        for guest in guests:
            group.create_task(_visit(load, *guest, keeps_alive=True))
        for number in range(20):
            group.create_task(_shopper(load, address, keeps_alive=number >= 4))
        await wait_until_async(lambda: load.count("answered") > 200)
        os.kill(pid, stop)
        if pid == server.process.pid:
            await wait_until_async(lambda: load.count("refused") == 20, 20)
        else:
            await wait_until_async(lambda: "is started again" in server.stderr, 20)
            seen = load.count("answered")
            await wait_until_async(lambda: load.count("answered") > seen + 200, 20)
        load.is_over = True
    return load


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_request_is_lost_when_the_server_stops_under_load(tmp_path: Path, workers: int) -> None:
    with serve(tmp_path, workers=workers) as server:
        pid = server.process.pid
        load = await _under_load(server, signal.SIGTERM, pid)
        assert await asyncio.to_thread(server.wait) == 0
    begun, done = _journalled(server, "begin"), _journalled(server, "done")
    assert load.count("half") == 0
    assert begun == done == load.of("answered")
    # Who was talking to us has been told that it was the last answer.
    assert not load.of("dropped") & load.on_used_connection


async def test_no_request_is_lost_when_one_worker_is_replaced(tmp_path: Path) -> None:
    with serve(tmp_path, workers=2) as server:
        worker = min(await asyncio.to_thread(server.worker_pids, 2))
        load = await _under_load(server, signal.SIGTERM, worker)
        assert load.count("refused") == load.count("half") == load.count("dropped") == 0
        assert _journalled(server, "begin") == _journalled(server, "done") == load.of("answered")


async def test_the_load_does_notice_requests_that_are_lost(tmp_path: Path) -> None:
    """The negative control: the same load, and a worker that is killed instead of drained while it has a connection."""
    with serve(tmp_path, workers=2) as server:
        guest = await asyncio.open_connection(*await asyncio.to_thread(lambda: server.address))
        load = await _under_load(server, signal.SIGKILL, await _worker_of(*guest), guest)
        assert load.count("dropped") + load.count("half") > 0


async def _worker_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """The process at the other end of a connection, which stays open."""
    writer.write(b"GET /worker HTTP/1.1\r\nhost: shop\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    return int(json.loads(await reader.readexactly(length))["pid"])


def _journalled(server: Served, event: str) -> set[int]:
    return {int(line.split()[1]) for line in server.journal if line.startswith(f"{event} ")}


def _receive_all(client: socket.socket) -> bytes:
    client.settimeout(20)
    return b"".join(iter(lambda: client.recv(4096), b""))


def _is_refused(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) != 0


def test_request_under_way_is_finished_and_is_the_last_on_its_connection(tmp_path: Path) -> None:
    with serve(tmp_path) as server, socket.create_connection(server.address) as client:
        client.sendall(b"GET /slow/1.5 HTTP/1.1\r\nhost: shop\r\n\r\n")
        wait_until(lambda: "begin slow" in server.journal)
        server.signal(signal.SIGTERM)
        answer = _receive_all(client)
        assert server.wait() == 0
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nslow")


def test_kept_connection_is_answered_once_more_while_draining(tmp_path: Path) -> None:
    with serve(tmp_path) as server, socket.create_connection(server.address) as client:
        address = server.address
        client.sendall(b"GET /worker HTTP/1.1\r\nhost: shop\r\n\r\n")
        assert b"connection: close" not in client.recv(4096)
        server.signal(signal.SIGTERM)
        wait_until(lambda: _is_refused(address))
        client.sendall(b"POST /take/7 HTTP/1.1\r\nhost: shop\r\ncontent-length: 2\r\n\r\nhi")
        answer = _receive_all(client)
        assert server.wait() == 0
    assert answer.endswith(b"\r\n\r\n7")
    assert b"\r\nconnection: close\r\n" in answer


async def _hello(scope: dict[str, object], receive: object, send: object) -> None:
    await PlainTextResponse("hello")(scope, receive, send)  # type: ignore[arg-type] # the types of an ASGI application


@contextlib.asynccontextmanager
async def _bounded_server(head_bytes_max: int, head_timeout_s: float) -> AsyncIterator[tuple[str, int]]:
    protocol = bounded_protocol(head_bytes_max, head_timeout_s)
    config = uvicorn.Config(_hello, http=protocol, ws="none", log_config=None, lifespan="off")
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    lifespan = LifespanOff(config)
    server = await loop.create_server(lambda: protocol(config, state, lifespan.state), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


@pytest.mark.parametrize(
    "sent,status",
    [
        (b"GET / HTTP/1.1\r\nhost: shop\r\nx: " + b"a" * 9000, b"431"),
        (b"GET /" + b"a" * 9000, b"431"),
        (b"GET / HTTP/1.1\r\nhost: shop\r\nx: " + b"a" * 100, b"408"),
        (b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n", b"200"),
    ],
    ids=["endless header", "endless line", "slow header", "whole"],
)
async def test_request_heads_are_bounded_in_length_and_time(sent: bytes, status: bytes) -> None:
    async with _bounded_server(8192, 0.2) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        assert (await reader.readline()).split()[1] == status
        writer.close()


async def test_connection_that_says_nothing_is_closed() -> None:
    async with _bounded_server(8192, 0.1) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


class _Full(socket.socket):
    """A listening socket of a process that has no room for one more file."""

    asked = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        raise OSError(errno.EMFILE, "Too many open files")


async def test_who_cannot_be_let_in_waits_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "_ROOM_S", 0.05)
    config = uvicorn.Config(PlainTextResponse("here"), http=bounded_protocol(65536))
    server = serving.DrainingServer(config, lambda _: None, lambda: None)
    with _Full() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        asyncio.get_running_loop().add_reader(listener, server._accept, listener)
        # Asked again, but not without end.
        await wait_until_async(lambda: listener.asked == 3)
        asyncio.get_running_loop().remove_reader(listener)
        writer.close()
    assert [record.getMessage()[:34] for record in caplog.records] == ["no connection can be accepted, aga"] * 3
