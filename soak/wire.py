"""What a client says to PostgreSQL, as far as it takes to know the moment of a commit."""

from __future__ import annotations

#: A statement that is a whole command in itself: its transaction commits when it ends.
_WRITES = b"cart_apply("
_COMMIT = b"COMMIT"


class ClientMessages:
    """Cuts one client's bytes into messages of the protocol (version 3, without TLS).

    `feed` answers whole messages as pairs: the bytes, and whether the server commits when it has them.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._is_started = False
        self._writing: set[bytes] = set()
        self._will_write = False

    def feed(self, data: bytes) -> list[tuple[bytes, bool]]:
        """Take what came; what is not yet whole is kept."""
        self._rest += data
        found = []
        while (size := self._size()) is not None and len(self._rest) >= size:
            message, self._rest = self._rest[:size], self._rest[size:]
            found.append((message, self._commits(message)))
            self._is_started = True
        return found

    def _size(self) -> int | None:
        # The first message has no letter in front of its length.
        start = 1 if self._is_started else 0
        if len(self._rest) < start + 4:
            return None
        return start + int.from_bytes(self._rest[start : start + 4], "big")

    def _commits(self, message: bytes) -> bool:
        if not self._is_started:
            return False
        kind, body = message[:1], message[5:]
        if kind == b"Q":
            return body.startswith(_COMMIT)
        if kind == b"P":
            name, text = body.split(b"\0", 2)[:2]
            (self._writing.add if _WRITES in text else self._writing.discard)(name)
        elif kind == b"B":
            self._will_write = body.split(b"\0", 2)[1] in self._writing
        elif kind == b"S":
            was_write, self._will_write = self._will_write, False
            return was_write
        return False


#: How the server's answer ends once it is done and no transaction is open.
IDLE = b"Z\0\0\0\x05I"
