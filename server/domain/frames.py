"""Frames that a server sends: text frames and the answers to ops.

A server's frame is not masked, so the same bytes go to every member of a room: they are
built once (RFC 6455, section 5.2).
"""

from __future__ import annotations

import struct
from typing import Any

import orjson

from server.domain.errors import Refusal

_FIN = 0x80
_FIN_TEXT = 0x81
_CLOSE = 0x8


def text_frame(payload: bytes) -> bytes:
    """Wrap UTF-8 ``payload`` as one unmasked, final text frame."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN_TEXT, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", _FIN_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FIN_TEXT, 127, size) + payload


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Build a ping, a pong or a close; a control frame holds up to 125 bytes."""
    return bytes((_FIN | opcode, len(payload))) + payload


def close_frame(code: int, reason: str) -> bytes:
    """Build a close frame; ``reason`` is cut at the 123 bytes that a control frame holds."""
    cut = reason.encode()[:123].decode(errors="ignore").encode()
    return control_frame(_CLOSE, struct.pack("!H", code) + cut)


def answer(re: str, ok: dict[str, Any]) -> bytes:
    """Build the frame that answers op ``re`` with success."""
    return text_frame(orjson.dumps({"re": re, "ok": ok}))


def refuse(re: str | None, refusal: Refusal) -> bytes:
    """Build the frame that answers op ``re`` with a refusal; ``re`` is null where unreadable."""
    err: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.retry_ms is not None:
        err["retry_ms"] = refusal.retry_ms
    return text_frame(orjson.dumps({"re": re, "err": err}))


def event(fields: dict[str, Any]) -> bytes:
    """Build the frame of an event that only this socket gets, such as ``hello``."""
    return text_frame(orjson.dumps(fields))
