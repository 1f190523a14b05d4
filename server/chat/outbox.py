"""What waits to leave on one socket: bounded in bytes, never skipped in the middle.

Ready-made frames go straight to the transport, whose buffer is the queue. Over its limit
the socket is closed with a code that says "come back and resume".
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from server.domain.errors import CloseCode
from server.runtime.instruments import OUTBOX_OVERFLOWS

CLOSE_S: Final = 2.0
"""How long a peer may take to read what is left and to answer a close frame."""
DRAIN_S: Final = 10.0
"""How long a peer may take to read a piece of what it asked for."""


class Outbox:
    """The sending half of a socket.

    Attributes:
        code: with what the socket was closed from here, or ``None`` while it is open.
    """

    __slots__ = ("_closing", "_limit", "_transport", "_writer", "_ws", "code")

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        writer: AbstractStreamWriter,
        limit: int,
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._writer = writer
        self._limit = limit
        self._closing: asyncio.Task[None] | None = None
        self.code: int | None = None

    def write(self, frames: bytes) -> None:
        """Send whole frames; never waits and never raises."""
        if self.code is not None:
            return
        try:
            self._transport.write(frames)
        except RuntimeError:
            # uvloop raises on a transport that is closed already; the read loop notices too.
            self.code = 1006
            return
        if self._transport.get_write_buffer_size() > self._limit:
            OUTBOX_OVERFLOWS.inc()
            self.close(CloseCode.TOO_SLOW, "Come back and resume.")

    async def write_asked(self, frames: bytes) -> None:
        """Send what the peer asked for, however large, and wait until most of it has left.

        A peer that does not read it is closed as too slow.
        """
        if self.code is not None:
            return
        # The limit is for what piles up unasked: what the peer waits for comes on top.
        self._limit += len(frames)
        try:
            self.write(frames)
            async with asyncio.timeout(DRAIN_S):
                await self._writer.drain()
        except TimeoutError:
            OUTBOX_OVERFLOWS.inc()
            self.close(CloseCode.TOO_SLOW, "Come back and resume.")
        except ConnectionError:
            self.code = 1006
        finally:
            self._limit -= len(frames)

    def close(self, code: int, reason: str) -> None:
        """Begin to close the socket; nothing is written after this."""
        if self.code is not None:
            return
        self.code = code
        self._closing = asyncio.create_task(self._close(code, reason), name="close a socket")

    async def closed(self) -> None:
        """Wait for the end of a close that began."""
        if self._closing is not None:
            await self._closing

    def abort(self) -> None:
        """Drop the connection and whatever waits to leave."""
        self._transport.abort()

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_S + 1):
                await self._ws.close(code=code, message=reason.encode(), drain=False)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            # A peer that reads nothing would keep its buffer for ever.
            self._transport.abort()
