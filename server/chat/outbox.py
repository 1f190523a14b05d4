"""What waits to leave on one socket: bounded in bytes, never skipped in the middle.

Ready-made frames go straight to the kernel while it takes them: a transport's own write
costs a fifth more per delivery. What the kernel does not take waits in the transport's
buffer, which is the queue; over its limit the socket is closed with a code that says
"come back and resume".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Final, Protocol

from server.domain.errors import CloseCode
from server.domain.frames import close_frame
from server.runtime.instruments import OUTBOX_OVERFLOWS

CLOSE_S: Final = 2.0
"""How long a peer may take to read what is left and to answer a close frame."""
DRAIN_S: Final = 10.0
"""How long a peer may take to read a piece of what it asked for."""
ABNORMAL: Final = 1006
"""The code of a connection that ended without a close frame (RFC 6455, section 7.4.1)."""


class Drains(Protocol):
    """What knows when a peer has taken what was written."""

    async def drain(self) -> None:
        """Wait until it has taken most of it; raise ConnectionError when it is gone."""


class Outbox:
    """The sending half of a socket.

    Attributes:
        code: with what the socket was closed, or ``None`` while frames may be written.
    """

    __slots__ = ("_drains", "_fd", "_limit", "_transport", "code")

    def __init__(self, transport: asyncio.Transport, drains: Drains, limit: int) -> None:
        self._transport = transport
        self._drains = drains
        self._limit = limit
        sock = transport.get_extra_info("socket")
        is_plain = sock is not None and transport.get_extra_info("sslcontext") is None
        self._fd: int = sock.fileno() if is_plain else -1
        self.code: int | None = None

    @property
    def unsent(self) -> int:
        """Bytes that the peer has not taken."""
        return self._transport.get_write_buffer_size()

    def write(self, frames: bytes | memoryview) -> None:
        """Send whole frames; never waits and never raises."""
        if self.code is not None:
            return
        transport = self._transport
        try:
            if self._fd >= 0 and not transport.get_write_buffer_size():
                # Never on a transport that closes: its descriptor may be another's soon.
                if transport.is_closing():
                    self.code = ABNORMAL
                    return
                sent = os.write(self._fd, frames)
                if sent == len(frames):
                    return
                # A view, not a copy: the same bytes wait for every slow member of a room.
                frames = memoryview(frames)[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.code = ABNORMAL
            return
        try:
            transport.write(frames)
        except RuntimeError:
            # uvloop raises on a transport that is closed already; the read loop notices too.
            self.code = ABNORMAL
            return
        if transport.get_write_buffer_size() > self._limit:
            self._overflow()

    async def write_asked(self, frames: bytes) -> None:
        """Send what the peer asked for, however large, and wait until most of it has left.

        A peer that does not read it is closed as too slow.
        """
        # The limit is for what piles up unasked: what the peer waits for comes on top.
        self._limit += len(frames)
        try:
            self.write(frames)
            async with asyncio.timeout(DRAIN_S):
                await self._drains.drain()
        except TimeoutError:
            self._overflow()
        except ConnectionError:
            self.code = self.code or ABNORMAL
        finally:
            self._limit -= len(frames)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, the last one; a peer that does not answer it soon is dropped."""
        if self.code is None:
            self.code = code
            self._say_goodbye(code, reason)

    def end(self) -> None:
        """Close the connection once everything has left, and drop it if that takes too long."""
        self._transport.close()
        self.drop_soon()

    def drop_soon(self) -> None:
        """Drop the connection unless it ends by itself: its buffer must not stay for ever."""
        asyncio.get_running_loop().call_later(CLOSE_S, self.drop)

    def drop(self) -> None:
        """Drop the connection and whatever waits to leave."""
        self._transport.abort()

    def _overflow(self) -> None:
        if self.code is None:
            OUTBOX_OVERFLOWS.inc()
            self.close(CloseCode.TOO_SLOW, "Come back and resume.")

    def _say_goodbye(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError):  # closed already, says uvloop
            self._transport.write(close_frame(code, reason))
        self.drop_soon()
