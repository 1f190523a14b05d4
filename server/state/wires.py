"""The connections of one process to one Redis server: one, and more while that one is late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from redis.exceptions import ConnectionError as RedisConnectionError

from server.state.wire import Wire

Open: TypeAlias = Callable[[], Awaitable[Wire]]


class Wires:
    """Up to ``most`` connections to one server, opened by ``open_wire`` when they are needed."""

    def __init__(self, open_wire: Open, most: int) -> None:
        self._open_wire = open_wire
        self._most = most
        self._wires: list[Wire] = []
        self._opening: asyncio.Task[Wire] | None = None
        self._closed = False

    async def choose(self) -> Wire:
        """Return a connection that somebody may ask now.

        Raises:
            RedisError, TimeoutError, OSError: the server cannot be reached.
        """
        return self._free() or await self._open()

    def close(self) -> None:
        """Drop every connection, also where a command is on its way; nobody may ask any more."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        for wire in self._wires:
            wire.abort()
        self._wires.clear()

    def _free(self) -> Wire | None:
        """Return the connection to use, or None when another one is to be opened."""
        wires = self._wires = [wire for wire in self._wires if wire.connected]
        for wire in wires:
            if not wire.is_late:
                return wire
        if wires and (len(wires) >= self._most or self._opening is not None):
            return min(wires, key=lambda wire: wire.waiting)
        return None

    async def _open(self) -> Wire:
        if self._closed:
            raise RedisConnectionError("The connection was dropped.")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open_one(), name="connect to Redis")
            # Whoever waited has the error; nobody may be left to ask.
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Shielded: one of those who wait may go away.
        try:
            return await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            if self._closed:
                raise RedisConnectionError("The connection was dropped.") from None
            raise

    async def _open_one(self) -> Wire:
        try:
            wire = await self._open_wire()
        finally:
            self._opening = None
        self._wires.append(wire)
        return wire
