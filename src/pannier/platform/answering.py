"""Sending an answer, with the headers that every one has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.types import Message, Send

Headers = list[tuple[bytes, bytes]]


class Answer:
    """Sends an answer with the headers that every one has; is the `send` of the application inside."""

    __slots__ = ("_defaults", "_send", "cookies", "is_complete", "said", "status")

    def __init__(self, send: Send, said: Headers, defaults: Headers) -> None:
        self._send = send
        self._defaults = defaults
        #: Of the session that asks. What caches may keep for everybody is sent without them.
        self.cookies: Headers = []
        self.said = said  # what this answer says before its own headers: of a cookie the last one counts
        self.status = 0
        self.is_complete = False

    async def whole(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], content_type: bytes, body: bytes
    ) -> None:
        """A complete answer."""
        own = [*self._said_with(headers), *headers]
        if body:
            own.append((b"content-type", content_type))
        if status != 204:
            own.append((b"content-length", b"%d" % len(body)))
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": with_defaults(own, self._defaults) if headers else own + self._defaults,
            }
        )
        await self._send({"type": "http.response.body", "body": body})
        self.is_complete = True

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.get("headers", ())
            message["headers"] = with_defaults([*self._said_with(headers), *headers], self._defaults)
        elif message["type"] == "http.response.body":
            self.is_complete = not message.get("more_body", False)
        await self._send(message)

    def _said_with(self, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        if not self.cookies:
            return self.said
        is_public = any(name.lower() == b"cache-control" and b"public" in value.lower() for name, value in headers)
        return self.said if is_public else [*self.said, *self.cookies]


def with_defaults(headers: Headers, defaults: Sequence[tuple[bytes, bytes]]) -> Headers:
    """The headers and those of the defaults they do not have."""
    present = {name for name, _ in headers}
    return headers + [pair for pair in defaults if pair[0] not in present]
