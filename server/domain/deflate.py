"""Compression of single messages, without context takeover (RFC 7692, section 7).

Every message is compressed by itself, so the same bytes go to every socket that agreed, and no
socket keeps a compressor: nothing of zlib's outlives a call.

Next: server/domain/frames.py
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Final

MIN_BYTES: Final = 256
"""Shorter payloads are sent as they are: some 70 bytes of each would be saved, for as much of the
processor as one more delivery takes."""
MAX_BYTES: Final = 131_072
"""So are longer ones: these take one to three milliseconds, during which nobody else is served."""

_WINDOW_BITS: Final = 12
_MEM_LEVEL: Final = 5
"""4 KiB of window, 24 KiB of memory for the length of a call. Messages are short: zlib's largest
window and tables save 2 % more of a page of history and nothing of a message."""

_EXTENSION: Final = "permessage-deflate"
_TAIL: Final = b"\x00\x00\xff\xff"
"""The end of what a flush writes; a sender leaves it out (section 7.2.1)."""
_END: Final = _TAIL + b"\x01" + _TAIL
"""The same and an empty final block: only a stream that is whole ends with it."""
_FINAL: Final = frozenset({b"", b"\x00" + _END})
"""What may be left behind the end: a sender may end a message with a final block of its own, and
an empty one without its tail behind it (section 7.2.3.4)."""

_PARAMETER: Final = re.compile(r'([a-z_]+)(?:[ \t]*=[ \t]*(?:"([0-9]+)"|([0-9]+)))?', re.ASCII)
_BITS: Final = frozenset(map(str, range(8, 16)))


def agree(headers: Iterable[str]) -> str | None:
    """Return the answer to the first acceptable offer of ``Sec-WebSocket-Extensions``, or None.

    An offer that cannot be read is one that is declined: the chat works without.
    """
    for header in headers:
        for offer in header.split(","):
            if (answer := _answer(offer)) is not None:
                return answer
    return None


def _answer(offer: str) -> str | None:
    name, *parameters = (part.strip(" \t") for part in offer.split(";"))
    if name != _EXTENSION:
        return None
    asked: dict[str, str | None] = {}
    for parameter in parameters:
        match = _PARAMETER.fullmatch(parameter)
        if match is None or match[1] in asked:
            return None
        asked[match[1]] = match[2] or match[3]
    answer = f"{name}; server_no_context_takeover; client_no_context_takeover"
    for key, value in asked.items():
        if key in {"server_no_context_takeover", "client_no_context_takeover"}:
            if value is not None:
                return None
        elif key == "server_max_window_bits":
            if value not in _BITS or int(value) < _WINDOW_BITS:
                return None
            answer += f"; {key}={_WINDOW_BITS}"
        # A client's window may stay as large as it likes: it is inflated whole, at once.
        elif key != "client_max_window_bits" or not (value is None or value in _BITS):
            return None
    return answer


def deflate(payload: bytes, level: int) -> bytes | None:
    """Compress a message at ``level`` 1 to 9; return None where that does not pay."""
    if not MIN_BYTES <= len(payload) <= MAX_BYTES:
        return None
    packer = zlib.compressobj(level, zlib.DEFLATED, -_WINDOW_BITS, _MEM_LEVEL)
    packed = (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
    return packed if len(packed) < len(payload) else None


def inflate(packed: bytes, limit: int) -> bytes:
    """Expand a message; more than ``limit`` bytes are cut at one more.

    Raises:
        ValueError: it is broken.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        payload = inflater.decompress(packed + _END, limit + 1)
    except zlib.error:
        raise ValueError("not DEFLATE") from None
    if len(payload) <= limit and not (inflater.eof and inflater.unused_data in _FINAL):
        raise ValueError("not a whole message")
    return payload
