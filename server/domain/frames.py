"""Frames that a server sends: text frames and the answers to ops.

A server's frame is not masked, so the same bytes go to every member of a room: they are
built once (RFC 6455, section 5.2). A ``level`` is that of the compression that a socket agreed
on, 0 for none.
"""

from __future__ import annotations

import struct
from typing import Any

import orjson

from server.domain.deflate import deflate
from server.domain.errors import Refusal

_FIN = 0x80
_FIN_TEXT = 0x81
_RSV1 = 0x40
"""The bit of a compressed message."""
_CLOSE = 0x8


def text_frame(payload: bytes, level: int = 0) -> bytes:
    """Wrap UTF-8 ``payload`` as one unmasked, final text frame, compressed where that pays."""
    first = _FIN_TEXT
    if level and (packed := deflate(payload, level)) is not None:
        first, payload = _FIN_TEXT | _RSV1, packed
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class TextFrame:
    """A text frame for many sockets: compressed once, as soon as one of them reads that.

    Attributes:
        plain: the frame for those who agreed on no compression.
    """

    __slots__ = ("_packed", "plain")

    def __init__(self, payload: bytes) -> None:
        self.plain = text_frame(payload)
        self._packed: bytes | None = None

    def at(self, level: int) -> bytes:
        """Return the frame for a socket; all of a process have level 0 or the same other one."""
        if not level:
            return self.plain
        if self._packed is None:
            size = self.plain[1]
            payload = self.plain[2 if size < 126 else 4 if size == 126 else 10 :]
            packed = text_frame(payload, level)
            self._packed = packed if packed[0] & _RSV1 else self.plain
        return self._packed


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Build a ping, a pong or a close; a control frame holds up to 125 bytes."""
    return bytes((_FIN | opcode, len(payload))) + payload


def close_frame(code: int, reason: str) -> bytes:
    """Build a close frame; ``reason`` is cut at the 123 bytes that a control frame holds."""
    cut = reason.encode()[:123].decode(errors="ignore").encode()
    return control_frame(_CLOSE, struct.pack("!H", code) + cut)


def answer(re: str, ok: dict[str, Any], level: int = 0) -> bytes:
    """Build the frame that answers op ``re`` with success."""
    return text_frame(orjson.dumps({"re": re, "ok": ok}), level)


def refuse(re: str | None, refusal: Refusal) -> bytes:
    """Build the frame that answers op ``re`` with a refusal; ``re`` is null where unreadable."""
    err: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.retry_ms is not None:
        err["retry_ms"] = refusal.retry_ms
    return text_frame(orjson.dumps({"re": re, "err": err}))


def event(fields: dict[str, Any], level: int = 0) -> bytes:
    """Build the frame of an event that only this socket gets, such as ``hello``."""
    return text_frame(orjson.dumps(fields), level)
