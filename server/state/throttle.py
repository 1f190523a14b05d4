"""Attempts that are counted: failed log-ins, registrations.

A fixed window per counter: the first attempt opens it, ``window_s`` later it is gone. An
attempt is counted before it is made, so a hundred at once cannot slip under the limit;
one that succeeds is given back. Without Redis each process counts alone: stricter for
nobody but open to nobody either.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, NamedTuple

from server.domain.errors import Refusal
from server.state import keys

if TYPE_CHECKING:
    from server.state.client import Command, RedisClient

LOCAL_COUNTERS = 10_000
"""Counters that a process keeps while Redis is away; beyond it every attempt is refused."""


class Counter(NamedTuple):
    """What is counted, for whom, and how many attempts of it fit in a window."""

    what: str
    who: str
    limit: int


def whose_account(email: str) -> str:
    """Return a name for the counter of an account that does not spell the e-mail in Redis."""
    return hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def whose_address(address: str) -> str:
    """Return a name for the counter of an address; of IPv6 the /64, which is one customer."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> 64:x}"
    return str(parsed)


class Throttle:
    """Counts attempts of all processes together, in Redis."""

    def __init__(
        self, client: RedisClient, window_s: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._window_s = window_s
        self._clock = clock
        self._local: dict[tuple[str, str], tuple[float, int]] = {}

    async def take(self, *counters: Counter) -> None:
        """Count one attempt in each of ``counters``.

        Raises:
            Refusal: ``throttled``, with the milliseconds to wait, when one is over its limit.
        """
        commands: list[Command] = []
        for counter in counters:
            key = keys.throttle(counter.what, counter.who)
            commands += [("INCR", key), ("EXPIRE", key, self._window_s, "NX"), ("PTTL", key)]
        replies = await self._client.pipeline(commands)
        wait_ms = 0
        for index, counter in enumerate(counters):
            count, _, left_ms = replies[3 * index : 3 * index + 3]
            if isinstance(count, int) and isinstance(left_ms, int):
                if count > counter.limit:
                    wait_ms = max(wait_ms, left_ms, 1)
            else:
                wait_ms = max(wait_ms, self._take_here(counter))
        if wait_ms:
            raise Refusal("throttled", retry_ms=wait_ms)

    async def give_back(self, *counters: Counter) -> None:
        """Take one attempt out again: it was an honest one. Without Redis nothing happens there."""
        commands: list[Command] = []
        for counter in counters:
            key = keys.throttle(counter.what, counter.who)
            # A window that ended meanwhile would leave a counter below zero for ever.
            commands += [("DECR", key), ("EXPIRE", key, self._window_s, "NX")]
            ends, count = self._local.get(counter[:2], (0.0, 0))
            if count > 0:
                self._local[counter[:2]] = (ends, count - 1)
        await self._client.pipeline(commands)

    async def forgive(self, *counters: Counter) -> None:
        """Forget all attempts so far: the person proved who they are."""
        for counter in counters:
            self._local.pop(counter[:2], None)
        await self._client.pipeline(
            [("DEL", keys.throttle(counter.what, counter.who)) for counter in counters]
        )

    def _take_here(self, counter: Counter) -> int:
        now = self._clock()
        name = (counter.what, counter.who)
        ends, count = self._local.get(name, (0.0, 0))
        if ends <= now:
            if len(self._local) >= LOCAL_COUNTERS:
                self._local = {key: value for key, value in self._local.items() if value[0] > now}
            if len(self._local) >= LOCAL_COUNTERS:
                return self._window_s * 1000
            ends, count = now + self._window_s, 0
        self._local[name] = (ends, count + 1)
        return 0 if count < counter.limit else max(1, int((ends - now) * 1000))
