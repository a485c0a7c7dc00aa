"""Where requests are counted: in this process, or in a Redis that several processes share.

Both count in fixed windows: one number and one end for a key, so that a request costs one increment. ADR 0015 has
what other ways cost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any
from zlib import crc32

_logger = logging.getLogger("pannier.rate_limits")

KEYS_MAX = 50_000
_TIMEOUT_S = 0.25
# After a failure Redis is left alone for so long: one slow answer a second is nothing, one per request is an outage.
_RETRY_AFTER_S = 1.0
_CONNECTIONS_MAX = 32
_PARTS = 50


class LocalCounters:
    """Counts in memory, `keys_max` keys at most: the one that has been counted longest makes room for a new one."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._windows: dict[str, list[float]] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, key: str, window_s: int, now: float) -> tuple[int, float]:
        """Count one request: how many in this window, and when the window ends (in the seconds of `now`)."""
        window = self._windows.get(key)
        if window is None or window[1] <= now:
            window = self._begin(key, window_s, now)
        window[0] += 1
        return int(window[0]), window[1]

    def _begin(self, key: str, window_s: int, now: float) -> list[float]:
        windows = self._windows
        # Anew at the end, so that the order is that of beginning.
        windows.pop(key, None)
        # Two out for one in: what is over goes without anybody ever searching for it.
        for _ in range(2):
            oldest = next(iter(windows), None)
            if oldest is None or (windows[oldest][1] > now and len(windows) < self._keys_max):
                break
            del windows[oldest]
        made = windows[key] = [0, now + window_s]
        return made


class _Share:
    """What this process took from Redis for one key and window: the counts from `next` to `last` are its own."""

    __slots__ = ("asking", "last", "next")

    def __init__(self) -> None:
        self.next, self.last = 1, 0
        self.asking = asyncio.Lock()


class SharedCounters:
    """Counts in Redis. `on_failure` is called for every count it did not take; it is left alone for a while then.

    A count costs some 250 µs there. So of a high limit a process takes a fiftieth at a time and counts that by itself:
    no more is granted than the limit, and what is taken and not used is a fiftieth for each process at most. A limit
    below 100 is counted one by one. `url` is `redis://`, `rediss://`, `redis+unix://`, `redis+sentinel://` or
    `redis+cluster://`.
    """

    def __init__(self, url: str, on_failure: Callable[[], None], keys_max: int = KEYS_MAX) -> None:
        self._connect = _connector(url)
        self._on_failure = on_failure
        self._keys_max = keys_max
        self._shares: dict[str, _Share] = {}
        self._storage: Any = None
        self._places = asyncio.Semaphore(_CONNECTIONS_MAX)
        self._silent_until = 0.0
        self._is_down = False

    async def hit(self, key: str, limit: int, window_s: int, now: float) -> tuple[int, float] | None:
        """The same as LocalCounters.hit for all processes together; None while Redis does not answer."""
        # Not every window ends at the full minute, or all that were refused would come back at once.
        index, passed = divmod(now + crc32(key.encode()) % window_s, window_s)
        place = f"{key}/{int(index)}"
        share = self._shares.get(place)
        if share is None:
            share = self._shares[place] = _Share()
            if len(self._shares) > self._keys_max:
                del self._shares[next(iter(self._shares))]
        while share.next > share.last:
            async with share.asking:
                if share.next > share.last and not await self._take(place, share, max(1, limit // _PARTS), window_s):
                    return None
        share.next += 1
        return share.next - 1, now + window_s - passed

    async def _take(self, place: str, share: _Share, count: int, window_s: int) -> bool:
        if monotonic() < self._silent_until:
            self._on_failure()
            return False
        try:
            storage = self._connected()
            async with asyncio.timeout(_TIMEOUT_S), self._places:
                share.last = await storage.incr(place, window_s, count)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Redis, the shop goes on
            self._failed(error)
            return False
        share.next = share.last - count + 1
        if self._is_down:
            self._is_down = False
            _logger.info("Redis counts requests again")
        return True

    async def close(self) -> None:
        """Give the connections back; the next hit makes new ones."""
        storage, self._storage = self._storage, None
        if storage is not None:
            await storage.bridge.storage.aclose()

    def _connected(self) -> Any:
        if self._storage is None:
            self._storage = self._connect()
        return self._storage

    def _failed(self, error: Exception) -> None:
        self._silent_until = monotonic() + _RETRY_AFTER_S
        self._on_failure()
        if not self._is_down:
            self._is_down = True
            # The kind is enough: the text of a Redis error may have the address, and the address the password.
            _logger.warning("Redis does not count requests (%s); each process counts by itself", type(error).__name__)


def _connector(url: str) -> Callable[[], Any]:
    """Makes the library's storage. Imported here, as it takes a quarter of a second and most shops have no Redis."""
    import limits.aio.storage  # noqa: F401 - it makes the schemes `async+…` known
    from limits.storage import storage_from_string
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    options: dict[str, Any] = {
        "implementation": "redispy",
        "key_prefix": "pannier:rate",
        "retry": Retry(NoBackoff(), 0),
        "socket_connect_timeout": _TIMEOUT_S,
        "socket_timeout": _TIMEOUT_S,
    }
    return lambda: storage_from_string(f"async+{url}", **options)
