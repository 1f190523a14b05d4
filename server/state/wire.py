"""One connection to one Redis server that carries everybody's commands.

What is asked in one turn of the event loop leaves in one write, and answers come back in the order
of the questions, so a command costs neither a task nor a connection of its own. A pool of
redis-py's connections costs three to six times as much of the processor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, cast

import hiredis
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.runtime.instruments import REDIS_OVERFLOWS
from server.state.layout import Command

QUEUE_MAX: Final = 20_000
"""Commands that may wait for an answer on one connection."""
LATE_S: Final = 0.05
"""Who waits longer may be behind something large: others take another connection."""


class _Asked:
    """Some commands of one caller, and the replies that came so far."""

    __slots__ = ("answer", "at", "count", "replies")

    def __init__(self, answer: asyncio.Future[list[Any]], at: float, count: int) -> None:
        self.answer = answer
        self.at = at
        self.count = count
        self.replies: list[Any] = []


class Wire(asyncio.Protocol):
    """A connection in request-reply mode; ``timeout_s`` without any answer ends it."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=BaseParser.parse_error)
        self._transport: asyncio.Transport | None = None
        self._asked: deque[_Asked] = deque()
        self._out: list[bytes] = []
        self._read_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.waiting = 0
        """Commands without an answer."""

    @property
    def connected(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_late(self) -> bool:
        """Whether somebody has waited for an answer for a while."""
        return bool(self._asked) and self._loop.time() - self._asked[0].at > LATE_S

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands; errors that Redis answers are items of the list.

        Raises:
            redis.ConnectionError, redis.TimeoutError: they may or may not have been done.
        """
        if not self.connected:
            raise RedisConnectionError("The connection is gone.")
        if self.waiting >= QUEUE_MAX:
            REDIS_OVERFLOWS.inc()
            raise RedisConnectionError("Too many commands wait for Redis.")
        asked = _Asked(self._loop.create_future(), self._loop.time(), len(commands))
        # Packed before anything is noted: what cannot be packed concerns its caller alone.
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += packed
        self._asked.append(asked)
        self.waiting += asked.count
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._look)
        return await asked.answer

    def abort(self) -> None:
        """Drop the connection at once."""
        self._lose(RedisConnectionError("The connection was dropped."))

    # --- What the transport says ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport of a fresh connection."""
        # uvloop's transports have the methods, but not the base class.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody that no answer comes."""
        self._lose(RedisConnectionError(f"The connection broke off: {error or 'closed'}"))

    def data_received(self, data: bytes) -> None:
        """Give the answers that came to those who asked, in their order."""
        self._read_at = self._loop.time()
        reader, asked = self._reader, self._asked
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                first = asked[0]
                first.replies.append(reply)
                if len(first.replies) == first.count:
                    asked.popleft()
                    self.waiting -= first.count
                    if not first.answer.done():  # its caller may have gone
                        first.answer.set_result(first.replies)
        except (hiredis.HiredisError, IndexError) as error:
            self._lose(RedisConnectionError(f"This is no Redis: {error}"))

    # --- Within ---------------------------------------------------------------------------

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _look(self) -> None:
        """Give up a connection on which nothing came for as long as anybody may wait."""
        self._watch = None
        if self._asked:
            due = max(self._asked[0].at, self._read_at) + self._timeout_s
            if self._loop.time() >= due:
                self._lose(RedisTimeoutError("Redis did not answer in time."))
            else:
                self._watch = self._loop.call_at(due, self._look)

    def _lose(self, error: Exception) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        asked, self._asked = self._asked, deque()
        self.waiting = 0
        self._out = []
        for each in asked:
            if not each.answer.done():
                each.answer.set_exception(error)
