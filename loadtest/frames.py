"""WebSocket frames as the meter needs them: masked ones out, read ones in place (RFC 6455)."""

from __future__ import annotations

import os
import struct
import zlib
from typing import Final, NamedTuple

from loadtest.marks import Mark, marks_in

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_MASK: Final = os.urandom(4)
"""One for all frames: a mask guards proxies against browsers, and this is none."""

_COMPRESSED: Final = 0x40
_TAIL: Final = b"\x00\x00\xff\xff"
"""The end of every compressed message, which nobody sends (RFC 7692, section 7.2.1)."""

_MESSAGE: Final = b'{"ev":"message"'
_FOLDED: Final = (_MESSAGE, b'{"ev":"reset"')
_TOLD: Final = (b'{"re":', b'{"ev":"saved"', b'{"ev":"reset"')
"""Frames that a socket has to look at itself."""


def masked(opcode: int, payload: bytes) -> bytes:
    """Build a client's frame, final and masked."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    mask = int.from_bytes((_MASK * (size // 4 + 1))[:size], "little")
    return head + _MASK + (int.from_bytes(payload, "little") ^ mask).to_bytes(size, "little")


class Chunk(NamedTuple):
    """What one read brought.

    ``marks`` are the messages in it, ``told`` the payloads that are no plain messages, with
    their opcodes, ``rest`` the beginning of a frame whose end is still to come. ``last`` is the
    head of the last message event, which has its position.
    """

    marks: tuple[Mark, ...]
    told: tuple[tuple[int, bytes], ...]
    rest: bytes
    last: bytes


def read(data: bytes, *, inflates: bool = False) -> Chunk:
    """Take apart what was read, which begins with a frame; ``inflates`` where that was offered.

    Raises:
        ValueError: the server sent a frame that it must not send.
    """
    marks: list[Mark] = []
    told: list[tuple[int, bytes]] = []
    last = b""
    at, end = 0, len(data)
    while end - at >= 2:
        first, size = data[at], data[at + 1]
        start = at + 2
        if size >= 126:
            if size > 127:
                raise ValueError("the server sent a masked frame")
            width = 2 if size == 126 else 8
            if end - start < width:
                break
            size = int.from_bytes(data[start : start + width], "big")
            start += width
        stop = start + size
        if stop > end:
            break
        opcode = first & 0xF
        agreed = _COMPRESSED if inflates and opcode == TEXT else 0
        if not first & 0x80 or first & 0x70 & ~agreed:
            raise ValueError("the server sent a fragment, or bits that nobody agreed on")
        at, text = stop, data
        if first & _COMPRESSED:
            text = _inflate(data[start:stop])
            start, stop = 0, len(text)
        if opcode == TEXT:
            if text.startswith(_FOLDED, start, stop):
                marks.extend(marks_in(text, start, stop))
                last = text[start : min(stop, start + 160)]
            if text.startswith(_TOLD, start, stop):
                told.append((opcode, text[start:stop]))
        else:
            told.append((opcode, text[start:stop]))
    return Chunk(tuple(marks), tuple(told), data[at:], last)


def _inflate(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed + _TAIL)
    except zlib.error as error:
        raise ValueError("the server sent a message that cannot be expanded") from error
