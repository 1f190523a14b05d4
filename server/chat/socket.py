"""One WebSocket after its upgrade: bytes come in, frames come out, and the other way round.

aiohttp answers the upgrade and has no part in it afterwards: an idle socket is a transport and a
few small objects, without a task, a timer or a request. What a client sends is taken in its order:
while an op waits for Redis the frames behind it wait unread.

Next: server/chat/connection.py
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from server.chat.outbox import Outbox
from server.domain import frame_reader
from server.domain.frame_reader import Frame, FrameError, FrameReader
from server.domain.frames import close_frame, control_frame

logger = logging.getLogger(__name__)

READ_AHEAD: Final = 65_536
"""Bytes behind an op that waits, before the kernel has to keep what follows."""
PONG_SHARE: Final = 0.5
"""A peer that is pinged after ``ping_s`` of silence may be silent for so much longer."""
_INTERNAL_ERROR: Final = 1011
_PING: Final = control_frame(frame_reader.PING)
_ECHOED: Final = frozenset({1000, 1001})


class Listener(Protocol):
    """Whoever speaks through a socket."""

    def hear(self, text: str | None) -> Coroutine[Any, Any, None] | None:
        """Take a message, ``None`` for one that is no text; return what is left to wait for."""

    def end(self) -> None:
        """The socket is gone, and nothing of it is under way any more."""


class Socket(asyncio.Protocol):
    """The protocol of an upgraded connection.

    Attributes:
        outbox: its sending half.
        read_at: when something came, by the clock of the loop.
    """

    __slots__ = (
        "_busy",
        "_deaf",
        "_drained",
        "_listener",
        "_loop",
        "_lost",
        "_paused",
        "_pinged",
        "_reader",
        "_transport",
        "_working",
        "outbox",
        "read_at",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        working: set[asyncio.Task[None]],
        *,
        frame_bytes: int,
        outbox_bytes: int,
        inflates: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._working = working
        self._reader = FrameReader(frame_bytes, inflates=inflates)
        self._listener: Listener | None = None
        self._busy = False
        self._deaf = False
        self._lost = False
        self._paused = False
        self._pinged = False
        self._drained: asyncio.Future[None] | None = None
        self.outbox = Outbox(transport, self, outbox_bytes)
        self.read_at = self._loop.time()

    def start(self, listener: Listener, work: Coroutine[Any, Any, None], early: bytes) -> None:
        """Take the connection over; ``early`` came behind the upgrade, ``work`` goes before it."""
        self._listener = listener
        self._reader.feed(early)
        self._transport.set_protocol(self)
        self._begin(work)

    # --- Reading ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.read_at = self._loop.time()
        self._pinged = False
        if self._deaf:
            return
        self._reader.feed(data)
        if not self._busy:
            self._pump()
        elif self._reader.unread > READ_AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _pump(self) -> None:
        """Handle what was read, up to something that has to be waited for."""
        try:
            while not self._busy and not self._deaf:
                frame = self._reader.next(self.read_at)
                if frame is None:
                    break
                self._handle(frame)
        except FrameError as error:
            self._deaf = True
            self.outbox.close(error.code, error.reason)
        if self._paused and not self._busy and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _handle(self, frame: Frame) -> None:
        if frame.opcode == frame_reader.CLOSE:
            self._agree_to_close(frame.code)
        elif self.outbox.code is not None:
            return  # closed from here: only the peer's close frame counts now
        elif frame.opcode == frame_reader.PING:
            self.outbox.write(control_frame(frame_reader.PONG, frame.data))
        elif frame.opcode != frame_reader.PONG:
            assert self._listener is not None
            is_text = frame.opcode == frame_reader.TEXT
            work = self._listener.hear(frame.text if is_text else None)
            if work is not None:
                self._begin(work)

    def _agree_to_close(self, code: int) -> None:
        self._deaf = True
        if self.outbox.code is None:
            code = 1000 if code == frame_reader.NO_CODE else code
            self.outbox.write(close_frame(_answer_to(code), ""))
            self.outbox.code = code
        self.outbox.end()

    # --- What is waited for -----------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        task = self._loop.create_task(self._work(work), name="op")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _work(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("an op failed")
            self.outbox.close(_INTERNAL_ERROR, "Something went wrong. Come back.")
        finally:
            self._busy = False
            if self._lost:
                self._end()
            else:
                self._pump()

    def _end(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.end()

    # --- The transport ----------------------------------------------------------------------

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go of everything, once nothing is under way."""
        self._lost = self._deaf = True
        self.resume_writing()
        if not self._busy:
            self._end()

    def pause_writing(self) -> None:
        """Note that the peer takes nothing more at the moment."""
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let those go on who wait for the peer to read."""
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.set_result(None)

    async def drain(self) -> None:
        """Wait until the peer has taken most of what was written.

        Raises:
            ConnectionError: it is gone.
        """
        if self._drained is not None:
            await asyncio.shield(self._drained)
        if self._lost:
            raise ConnectionResetError("The peer is gone.")

    def beat(self, now: float, ping_s: float) -> None:
        """Ping a peer that is silent, and drop one that does not answer."""
        if self._paused:
            return  # it is we who do not listen
        silent_s = now - self.read_at
        if silent_s >= ping_s * (1 + PONG_SHARE):
            self.outbox.drop()
        elif silent_s >= ping_s and not self._pinged:
            self._pinged = True
            self.outbox.write(_PING)


def _answer_to(code: int) -> int:
    """Return the close code that answers a peer's: its own, unless it has no use for it."""
    return code if code in _ECHOED or code in frame_reader.PRIVATE_CODES else 1000
