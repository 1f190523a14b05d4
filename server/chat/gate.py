"""What a client may not send, and aiohttp's reader takes: looked for before it reads.

Only headers of frames are looked at, in place. A frame that is not masked must end the connection
(RFC 6455, section 5.1); a message in any number of pieces and pings without end are nobody's
need, and each of them costs a turn of the loop that others wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import WebSocketError, WSCloseCode

if TYPE_CHECKING:
    from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

FRAGMENTS_MAX: Final = 1000
"""Frames of one message: one in 65 bytes still fits the largest."""
PINGS_MAX: Final = 200
PINGS_S: Final = 10.0
"""More pings than ``PINGS_MAX`` in so many seconds end the connection."""

_FIN: Final = 0x80
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
_PING: Final = 0x9
_MASK_BYTES: Final = 4
_LENGTH_BYTES: Final = {126: 2, 127: 8}


class Gate:
    """Stands in front of a socket's reader, with the same two methods.

    What comes before a bad frame is still read; the queue's next reader hears of the error.
    """

    __slots__ = (
        "_clock",
        "_fragments",
        "_head",
        "_pings",
        "_pings_since",
        "_queue",
        "_reader",
        "_skip",
    )

    def __init__(
        self, reader: WebSocketReader, queue: WebSocketDataQueue, clock: Callable[[], float]
    ) -> None:
        self._reader = reader
        self._queue = queue
        self._clock = clock
        self._head = b""
        self._skip = 0
        self._fragments = 0
        self._pings = 0
        self._pings_since = 0.0

    def feed_eof(self) -> None:
        """The peer sends nothing more."""
        self._reader.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what came; the first is true when nothing more may come."""
        try:
            self._look_through(data)
        except _BadFrame as bad:
            if bad.at > 0:
                self._reader.feed_data(data[: bad.at])
            if self._queue.exception() is None:
                self._queue.set_exception(bad.error)
            return True, b""
        return self._reader.feed_data(data)

    def _look_through(self, data: bytes) -> None:
        known = len(self._head)
        buffer = self._head + data if known else data
        at, end = self._skip, len(buffer)
        while end - at >= 2:
            first, second = buffer[at], buffer[at + 1]
            fault = self._fault(first, second)
            if fault is not None:
                raise _BadFrame(at - known, fault)
            size = second & 0x7F
            length_bytes = _LENGTH_BYTES.get(size, 0)
            body = at + 2 + length_bytes
            if length_bytes:
                if body > end:
                    break
                size = int.from_bytes(buffer[at + 2 : body], "big")
            self._count(first)
            at = body + _MASK_BYTES + size
        self._head = buffer[at:]
        self._skip = max(0, at - end)

    def _fault(self, first: int, second: int) -> WebSocketError | None:
        if second < _MASKED:
            return WebSocketError(WSCloseCode.PROTOCOL_ERROR, "A client's frame must be masked")
        opcode = first & _OPCODE
        if opcode == _PING:
            if self._pings >= PINGS_MAX and self._clock() - self._pings_since < PINGS_S:
                return WebSocketError(WSCloseCode.POLICY_VIOLATION, "Too many pings")
        elif opcode < _PING - 1:
            if opcode and self._fragments:
                return WebSocketError(WSCloseCode.PROTOCOL_ERROR, "The last message has no end")
            if self._fragments >= FRAGMENTS_MAX:
                return WebSocketError(WSCloseCode.MESSAGE_TOO_BIG, "Too many fragments")
        return None

    def _count(self, first: int) -> None:
        opcode = first & _OPCODE
        if opcode == _PING:
            now = self._clock()
            if now - self._pings_since >= PINGS_S:
                self._pings, self._pings_since = 0, now
            self._pings += 1
        elif opcode < _PING - 1:
            self._fragments = 0 if first & _FIN else self._fragments + 1


class _BadFrame(Exception):
    """``at``: where it begins in what came last; negative when its header began before."""

    def __init__(self, at: int, error: WebSocketError) -> None:
        super().__init__(str(error))
        self.at = at
        self.error = error
