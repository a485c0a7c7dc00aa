"""The ids of the request that is being answered, for logs, SQL, events and webhooks."""

from __future__ import annotations

import re
from contextvars import ContextVar

correlation_id: ContextVar[str | None] = ContextVar("pannier_correlation_id", default=None)
"""The request id, or the name of a background job; None outside both."""

trace_id: ContextVar[str | None] = ContextVar("pannier_trace_id", default=None)
"""The trace id of a W3C `traceparent` that came with the request."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_NO_TRACE = b"0" * 32


def trace_id_of(traceparent: bytes) -> str | None:
    """The trace id of a `traceparent` header, None when it is malformed, of version ff or all zeros."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or traceparent.startswith(b"ff") or match[1] == _NO_TRACE:
        return None
    return match[1].decode()
