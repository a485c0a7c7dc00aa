"""One JSON object per line on stderr, without secrets; on a terminal a line that a person reads.

    {"ts": "2025-01-31T12:00:00.123Z", "level": "INFO", "logger": "pannier.access", "message": "...",
     "request_id": "...", "trace_id": "...", ...what was given as `extra`, "error": "traceback"}

`configure_logging` is for a process that is ours (`pannier serve`, a worker, a command). An
application that mounts the shop keeps its own logging and may take `JsonFormatter` into it.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from pannier.platform.observability.context import correlation_id, trace_id

REDACTED = "[redacted]"

_SECRET_NAMES = re.compile(r"authorization|cookie|token|password|passwd|secret|api[-_]?key|dsn", re.IGNORECASE)
_SECRETS = re.compile(
    r"""(?ix)
      \b[cls]t_[a-z0-9_-]{16,} | \b(?:rt|sh)_[a-z0-9_-]{16,}      # a token of ours anywhere
    | \bey[a-z0-9_-]{8,}\.[a-z0-9_-]+\.[a-z0-9_-]*                # a JSON Web Token
    | \$argon2\w*\$[^\s"')]+                                    # the hash of a password
    | (?<=bearer[ ])[^\s"',;]+ | (?<=basic[ ])[^\s"',;]+          # credentials of the two schemes
    | (?<=://)[^\s/@:]*:[^\s/@]+(?=@)                             # user:password of an address
    | (?<=cookie:[ ])[^\r\n]+                                     # a whole cookie header
    | (?<=["']cookie["'],[ ]b["'])[^"']+ | (?<=["']cookie["']:[ ]["'])[^"']+
    | (?<=password=)[^\s&"',;]+ | (?<=token=)[^\s&"',;]+ | (?<=secret=)[^\s&"',;]+
    """
)
# The attributes every record has; whatever else is on it was given as `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


def redact(text: str) -> str:
    """The text without cart tokens, credentials, cookies, and passwords in addresses."""
    return _SECRETS.sub(REDACTED, text)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON. Secrets go by the shape of the value and by the name of the field."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if (request_id := correlation_id.get()) is not None:
            line["request_id"] = request_id
        if (trace := trace_id.get()) is not None:
            line["trace_id"] = trace
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = _cleaned(name, value)
        if record.exc_info:
            line["error"] = redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redact(self.formatStack(record.stack_info))
        return msgspec.json.encode(line, enc_hook=_as_text).decode()


class TextFormatter(logging.Formatter):
    """A record as a person reads it on a terminal, without secrets as well: `12:00:00 warning: … (request 4f1c)`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone()
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        told = [f"{at:%H:%M:%S} {level}{redact(record.getMessage())}"]
        if (request_id := correlation_id.get()) is not None:
            told.append(f"({'' if request_id.startswith('job:') else 'request '}{request_id})")
        lines = [" ".join(told)]
        if record.exc_info:
            lines.append(redact(self.formatException(record.exc_info)))
        if record.stack_info:
            lines.append(redact(self.formatStack(record.stack_info)))
        return "\n".join(lines)


def _timestamp(created: float) -> str:
    return datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_text(value: Any) -> str:
    return redact(str(value))


def _cleaned(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return REDACTED
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {str(key): _cleaned(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned("", inner) for inner in value]
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    return value


def _without_traceback(record: logging.LogRecord) -> bool:
    """What a pool that cannot connect has to say, in one line: it tries again, and where in its code is no news."""
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        record.msg, record.args = "the database cannot be reached, tried again: %s: %s", (type(error).__name__, error)
        record.exc_info = record.exc_text = None
    return True


def configure_logging(
    level: str = "INFO", *, stream: TextIO | None = None, is_for_people: bool = False
) -> logging.Handler:
    """Send every logger of the process to stderr (or `stream`), as JSON or text; answers the handler it installed."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(TextFormatter() if is_for_people else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # uvicorn brings handlers of its own; without them its records come up to the root like all others.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Our own access log replaces uvicorn's, which knows neither the route nor the request id.
    logging.getLogger("uvicorn.access").disabled = True
    pool = logging.getLogger("asyncpg.pool")
    pool.filters[:] = [_without_traceback]
    return handler
