"""Frames that a client sends: bytes in whatever pieces become whole messages (RFC 6455, section 5).

Nothing is decoded that may not be sent. A message in any number of pieces and pings without end
are nobody's need, and each of them costs a turn of the loop that others wait for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from server.domain.deflate import inflate

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NO_CODE: Final = 1005
"""What a close frame without a code stands for."""
PRIVATE_CODES: Final = range(3000, 5000)
"""Close codes that mean what applications agreed on (RFC 6455, section 7.4.2)."""
PROTOCOL_ERROR: Final = 1002
INCONSISTENT: Final = 1007
"""What is in a message is not what it says it is: no UTF-8 in a text, no DEFLATE in a compressed
one (RFC 6455, section 7.4.1)."""
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009

FRAGMENTS_MAX: Final = 1000
"""Frames of one message: one in 65 bytes still fits the largest."""
PINGS_MAX: Final = 200
PINGS_S: Final = 10.0
"""More pings than ``PINGS_MAX`` in so many seconds end the connection."""

_FIN: Final = 0x80
_RESERVED: Final = 0x70
_COMPRESSED: Final = 0x40
"""RSV1, on the first frame of a message (RFC 7692, section 6)."""
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
_CONTROL: Final = 0x8
_CONTROL_MAX: Final = 125
_OPCODES: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_DATA: Final = frozenset({TEXT, BINARY})
_STANDARD_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


class Frame(NamedTuple):
    """A whole message or a control frame.

    ``text`` is what a ``TEXT`` says; ``data`` the body of the others; ``code`` that of a ``CLOSE``,
    or ``NO_CODE``.
    """

    opcode: int
    text: str = ""
    data: bytes = b""
    code: int = 0


class FrameError(Exception):
    """The connection has to end with ``code``; ``reason`` is for people."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Takes frames out of what was fed, one at a time; messages have up to ``limit`` bytes.

    Those that come compressed are expanded where ``inflates``, up to the same limit.

    After a ``FrameError`` there is nothing more to read.
    """

    __slots__ = (
        "_at",
        "_data",
        "_inflates",
        "_limit",
        "_need",
        "_opcode",
        "_pieces",
        "_pings",
        "_pings_since",
        "_size",
    )

    def __init__(self, limit: int, *, inflates: bool = False) -> None:
        self._limit = limit
        self._inflates = inflates
        self._data: bytes | bytearray = b""
        self._at = 0
        self._need = 2
        self._opcode = 0  # of the message whose pieces come, with its RSV1, or 0
        self._pieces: list[bytes] = []
        self._size = 0
        self._pings = 0
        self._pings_since = 0.0

    @property
    def unread(self) -> int:
        """Bytes that were fed and not read."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Add bytes that came."""
        if self._at == len(self._data):
            self._data, self._at = data, 0
            return
        rest = self._data
        if not isinstance(rest, bytearray):
            # Grown in place: a frame that drips in is not copied for each drop.
            rest = self._data = bytearray(memoryview(rest)[self._at :])
            self._at = 0
        rest += data

    def next(self, now: float) -> Frame | None:
        """Return the next frame, or None until more came; ``now`` is in seconds.

        Raises:
            FrameError: what came is against the rules.
        """
        while True:
            data, at = self._data, self._at
            ready = len(data) - at
            if ready < self._need:
                return None
            first, second = data[at], data[at + 1]
            self._check(first, second)
            size = second & 0x7F
            body = at + 6
            if size > _CONTROL_MAX:
                body += 2 if size == 126 else 8
                if ready < body - at:
                    self._need = body - at
                    return None
                size = int.from_bytes(data[at + 2 : body - 4], "big")
            if size > self._limit:
                raise FrameError(TOO_BIG, "The message is too long.")
            end = body + size
            if len(data) < end:
                self._need = end - at
                return None
            payload = _unmask(data[body - 4 : body], data[body:end])
            self._need = 2
            self._at = end
            if end == len(data):
                self._data, self._at = b"", 0
            elif isinstance(data, bytearray) and end > self._limit:
                del data[:end]
                self._at = 0
            frame = self._take(first, payload, now)
            if frame is not None:
                return frame

    def _check(self, first: int, second: int) -> None:
        opcode = first & _OPCODE
        reserved = first & _RESERVED
        if opcode not in _OPCODES or (
            reserved and not (self._inflates and reserved == _COMPRESSED and opcode in _DATA)
        ):
            raise FrameError(PROTOCOL_ERROR, "Nobody agreed on such frames.")
        if second < _MASKED:
            raise FrameError(PROTOCOL_ERROR, "A client's frame must be masked.")
        if opcode >= _CONTROL:
            if not first & _FIN or second & 0x7F > _CONTROL_MAX:
                raise FrameError(PROTOCOL_ERROR, "A control frame is short and whole.")
        elif bool(opcode) == bool(self._opcode):
            raise FrameError(PROTOCOL_ERROR, "The last message has no end, or this one no begin.")

    def _take(self, first: int, payload: bytes, now: float) -> Frame | None:
        opcode = first & _OPCODE
        if opcode >= _CONTROL:
            return self._control(opcode, payload, now)
        kind = first & (_COMPRESSED | _OPCODE)
        if first & _FIN and opcode:
            return self._message(kind, payload)
        self._opcode = self._opcode or kind
        self._pieces.append(payload)
        self._size += len(payload)
        if self._size > self._limit:
            raise FrameError(TOO_BIG, "The message is too long.")
        if not first & _FIN:
            if len(self._pieces) >= FRAGMENTS_MAX:
                raise FrameError(TOO_BIG, "The message has too many pieces.")
            return None
        kind, whole = self._opcode, b"".join(self._pieces)
        self._opcode, self._size = 0, 0
        self._pieces = []
        return self._message(kind, whole)

    def _message(self, kind: int, payload: bytes) -> Frame:
        if kind & _COMPRESSED:
            payload = self._inflate(payload)
        if kind & _OPCODE == TEXT:
            return Frame(TEXT, text=_decode(payload))
        return Frame(BINARY, data=payload)

    def _inflate(self, packed: bytes) -> bytes:
        try:
            payload = inflate(packed, self._limit)
        except ValueError:
            # The frames are in order; it is the message that is not what they say it is.
            raise FrameError(INCONSISTENT, "The message cannot be expanded.") from None
        if len(payload) > self._limit:
            raise FrameError(TOO_BIG, "The message is too long.")
        return payload

    def _control(self, opcode: int, payload: bytes, now: float) -> Frame:
        if opcode == CLOSE:
            return _close(payload)
        if opcode == PING:
            if now - self._pings_since >= PINGS_S:
                self._pings, self._pings_since = 0, now
            self._pings += 1
            if self._pings > PINGS_MAX:
                raise FrameError(POLICY_VIOLATION, "Too many pings.")
        return Frame(opcode, data=payload)


def _unmask(mask: bytes | bytearray, data: bytes | bytearray) -> bytes:
    # One operation on a large number instead of one per byte.
    size = len(data)
    key = int.from_bytes((bytes(mask) * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")


def _close(payload: bytes) -> Frame:
    if not payload:
        return Frame(CLOSE, code=NO_CODE)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _STANDARD_CODES or code in PRIVATE_CODES):
        raise FrameError(PROTOCOL_ERROR, "That is no close code.")
    _decode(payload[2:])
    return Frame(CLOSE, code=code)


def _decode(payload: bytes) -> str:
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        raise FrameError(INCONSISTENT, "Texts are UTF-8.") from None
