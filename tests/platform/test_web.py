"""The edge: ids, limits, headers, principals and hot routes, over ASGI and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from starlette.responses import StreamingResponse
from starlette.types import Message

from pannier.kernel.ids import new_cart_token
from pannier.platform.hot import HotRequest, HotResponse, HotRoutes, service_of
from pannier.platform.observability.context import correlation_id, trace_id_of
from pannier.platform.principal import Principal, principal_of
from pannier.platform.web import DEFAULT_HEADERS, Limits, route_path
from tests.support.waiting import wait_until_async
from tests.support.web import EdgeApp, client_of, hot_route, served

LIMITS = Limits(body_bytes=1000, header_count=20, header_bytes=2000)
router = APIRouter()


class Greeter:
    def __init__(self, word: str) -> None:
        self.word = word


@router.get("/cold")
async def cold(principal: Annotated[Principal, Depends(principal_of)]) -> dict[str, Any]:
    return {"kind": principal.kind, "source": principal.token_source, "id": correlation_id.get()}


@router.get("/greeting")
async def greeting(greeter: Annotated[Greeter, Depends(service_of(Greeter))]) -> str:
    return greeter.word


@router.post("/echo")
async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@router.get("/torn")
async def torn(request: Request) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("half way")

    return StreamingResponse(chunks())


async def who(request: HotRequest) -> HotResponse:
    seen = {
        "kind": request.principal.kind,
        "source": request.principal.token_source,
        "id": correlation_id.get(),
        "param": request.param,
        "root": request.root_path,
        "colour": request.query("colour"),
        "agent": request.header("user-agent"),
    }
    return HotResponse(json.dumps(seen).encode())


async def count(request: HotRequest) -> HotResponse:
    return HotResponse(str(len(request.body)).encode(), 201, [(b"cache-control", b"max-age=60")])


async def nothing(request: HotRequest) -> HotResponse:
    return HotResponse(status=204)


def application(**options: Any) -> EdgeApp:
    hot = [
        hot_route("GET", "/api/v1/who", who),
        hot_route("GET", "/api/v1/who/{name}", who),
        hot_route("GET", "/api/v1/who/{name}/again", who),
        hot_route("POST", "/api/v1/count", count),
        hot_route("DELETE", "/api/v1/who", nothing),
    ]
    return EdgeApp(hot, router, limits=LIMITS, services={Greeter: Greeter("hello")}, **options)


@pytest.mark.parametrize("path", ["/api/v1/who", "/api/v1/cold"])
async def test_a_sane_request_id_is_taken_and_echoed(path: str) -> None:
    async with client_of(application()) as client:
        answer = await client.get(path, headers={"x-request-id": "abc-123"})
    assert answer.headers["x-request-id"] == answer.json()["id"] == "abc-123"
    assert correlation_id.get() is None


@pytest.mark.parametrize("given", [None, "", "x" * 129, "tab\there", "caf\xe9".encode("latin-1")])
async def test_any_other_request_id_is_replaced_by_a_uuid7(given: str | bytes | None) -> None:
    headers = {} if given is None else {"x-request-id": given}
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/who", headers=headers)  # type: ignore[arg-type] # str or bytes, as httpx takes
    made = uuid.UUID(answer.headers["x-request-id"])
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


@pytest.mark.parametrize("path", ["/api/v1/who", "/api/v1/cold", "/nowhere"])
async def test_every_answer_has_the_protective_headers(path: str) -> None:
    async with client_of(application()) as client:
        answer = await client.get(path)
    assert {name.decode(): answer.headers.get(name.decode()) for name, _ in DEFAULT_HEADERS} == {
        name.decode(): value.decode() for name, value in DEFAULT_HEADERS
    }


async def test_an_answer_may_say_otherwise_about_caching() -> None:
    async with client_of(application()) as client:
        answer = await client.post("/api/v1/count", content=b"12345")
    assert (answer.status_code, answer.text) == (201, "5")
    assert answer.headers.get_list("cache-control") == ["max-age=60"]


async def test_an_answer_without_content_has_no_length() -> None:
    async with client_of(application()) as client:
        answer = await client.delete("/api/v1/who")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/count", "/api/v1/echo"])
async def test_a_body_that_says_it_is_too_large_is_not_read(path: str) -> None:
    async with client_of(application()) as client:
        answer = await client.post(path, content=b"x" * 1001)
    assert (answer.status_code, answer.json()["error"]) == (413, "BODY_TOO_LARGE")
    assert answer.json()["details"] == {"limit_bytes": 1000}


@pytest.mark.parametrize("path", ["/api/v1/count", "/api/v1/echo"])
def test_a_chunked_body_is_cut_off_at_the_limit(path: str) -> None:
    def pieces() -> Any:
        for _ in range(20):
            yield b" " * 100

    with served(application()) as address, httpx.Client(base_url=address) as client:
        answer = client.post(path, content=pieces(), headers={"content-type": "application/json"})
        again = client.get("/api/v1/who")
    assert (answer.status_code, answer.json()["error"]) == (413, "BODY_TOO_LARGE")
    assert again.status_code == 200


def test_a_chunked_body_within_the_limit_arrives_whole() -> None:
    with served(application()) as address, httpx.Client(base_url=address) as client:
        answer = client.post("/api/v1/count", content=iter([b"x" * 400, b"y" * 600]))
    assert answer.text == "1000"


@pytest.mark.parametrize("headers", [{f"x-{i}": "1" for i in range(30)}, {"x-long": "a" * 2000}], ids=["many", "long"])
async def test_too_many_header_fields_or_bytes_are_a_431(headers: dict[str, str]) -> None:
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/who", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (431, "HEADERS_TOO_LARGE")


async def test_a_client_that_hangs_up_with_its_body_half_sent_is_booked_and_forgotten() -> None:
    app = application()
    sent: list[Message] = []
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(
        {"type": "http", "method": "POST", "path": "/api/v1/count", "headers": [], "query_string": b""},
        receive,
        send,
    )
    assert sent == []
    assert b'route="/api/v1/count",status="4xx"} 1.0' in app.metrics.exposition()
    assert app.gate.in_flight == 0


def test_half_an_answer_does_not_look_whole() -> None:
    with served(application()) as address, pytest.raises(httpx.RemoteProtocolError) as caught:
        httpx.get(f"{address}/api/v1/torn")
    assert "incomplete" in str(caught.value)


@pytest.mark.parametrize(
    "text, trace",
    [
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        (b"00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        (b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        (b"nonsense", None),
    ],
)
async def test_a_traceparent_is_used_or_passed_over(text: bytes, trace: str | None) -> None:
    assert trace_id_of(text) == trace
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/who", headers={"traceparent": text.decode()})
    assert answer.status_code == 200


async def test_a_hot_route_gets_its_parameter_and_query() -> None:
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/who/J%C3%B6rg?colour=dark%20red&other=x&other=y")
        twice = await client.get("/api/v1/who/J%C3%B6rg?colour=dark%20red&colour=blue")
        inner = await client.get("/api/v1/who/J%C3%B6rg/again")
        beside = [
            await client.get(f"/api/v1/who/{path}") for path in ("", "/again", "x/never", "x/again/", "x/y/again")
        ]
        wrong = await client.post("/api/v1/who/x/again")
    assert (answer.json()["param"], answer.json()["colour"]) == ("J\xf6rg", "dark red")
    assert (twice.status_code, twice.json()["field"]) == (422, "colour")
    assert inner.json()["param"] == "J\xf6rg"
    assert [answer.status_code for answer in beside] == [404] * 5
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/a/{b}/{c}", "/a/x{b}", "/a/{b}/c/d", "/a/x{b}/c"])
def test_a_hot_path_has_one_parameter_and_it_is_last_but_one_at_most(path: str) -> None:
    with pytest.raises(ValueError, match="last two segments"):
        HotRoutes([hot_route("GET", path, who)])


@pytest.mark.parametrize("paths", [("/a", "/a"), ("/a/{b}", "/a/{c}")])
def test_a_hot_route_is_registered_once(paths: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="twice"):
        HotRoutes([hot_route("GET", path, who) for path in paths])


@pytest.mark.parametrize(
    "root, path, expected",
    [("", "/a", "/a"), ("/s", "/s/a", "/a"), ("/s", "/sea", "/sea"), ("/s", "/s", ""), ("/s", "/a", "/a")],
)
def test_the_prefix_of_a_mount_is_taken_off_at_a_segment(root: str, path: str, expected: str) -> None:
    assert route_path({"path": path, "root_path": root}) == expected


def test_head_is_answered_where_get_is_without_the_body() -> None:
    with served(application()) as address:
        answer, body = httpx.head(f"{address}/api/v1/who"), httpx.get(f"{address}/api/v1/who")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == body.headers["content-length"]


async def test_services_are_given_by_type() -> None:
    async with client_of(application()) as client:
        answer = await client.get("/api/v1/greeting")
    assert answer.json() == "hello"


async def test_inside_a_host_hot_and_cold_routes_know_the_prefix() -> None:
    host = FastAPI()
    host.mount("/shop", application())
    async with client_of(host) as client:
        hot_answer = await client.get("/shop/api/v1/who")
        cold_answer = await client.get("/shop/api/v1/cold")
        missing = await client.get("/shop/nowhere")
        wrong = await client.put("/shop/api/v1/count")
    assert (hot_answer.json()["root"], cold_answer.status_code) == ("/shop", 200)
    assert (missing.status_code, missing.json()["instance"]) == (404, "/shop/nowhere")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_the_application_is_opened_by_the_first_request() -> None:
    app = application()
    async with client_of(app) as client:
        await asyncio.gather(client.get("/api/v1/who"), client.get("/api/v1/cold"))
        before = app.starts
        await client.get("/api/v1/who")
    assert app.starts == before >= 1


async def test_draining_waits_for_the_requests_inside() -> None:
    let_go = asyncio.Event()

    async def slow(request: HotRequest) -> HotResponse:
        await let_go.wait()
        return HotResponse(b"done")

    app = EdgeApp([hot_route("GET", "/slow", slow)])
    async with client_of(app) as client:
        pending = asyncio.create_task(client.get("/slow"))
        await wait_until_async(lambda: app.gate.in_flight == 1)
        assert not await app.gate.drained(0.01)
        drained = asyncio.create_task(app.gate.drained(5))
        let_go.set()
        assert await drained
        assert (await pending).text == "done"
    assert await app.gate.drained(0)


async def test_a_websocket_has_a_principal_and_services_too() -> None:
    app = application()
    sent: list[Message] = []

    @app.app.websocket("/live")
    async def live(socket: WebSocket, greeter: Annotated[Greeter, Depends(service_of(Greeter))]) -> None:
        await socket.accept()
        await socket.send_text(f"{greeter.word} {socket.scope['pannier'].principal.kind}")
        await socket.close()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    token = new_cart_token()
    headers = [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "websocket", "path": "/live", "headers": headers, "query_string": b"", "subprotocols": []}
    await app(scope, receive, send)
    assert [message.get("text") for message in sent if message["type"] == "websocket.send"] == ["hello guest"]
    assert app.gate.in_flight == 0


def test_over_a_real_socket_the_answer_is_well_formed() -> None:
    with served(application()) as address, contextlib.closing(socket.socket()) as connection:
        connection.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        connection.sendall(b"GET /api/v1/who HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert length is not None
    assert int(length[1]) == len(body)
    assert json.loads(body)["kind"] == "anonymous"
