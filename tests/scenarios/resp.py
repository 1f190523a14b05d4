"""Where replies of Redis begin and end, and which of them are publications."""

from __future__ import annotations

from collections.abc import Callable


class Splitter:
    """Cuts what Redis sends into whole replies (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the replies that are complete now; the rest waits for more."""
        self._bytes += data
        replies = []
        start = 0
        while (end := _end_of(self._bytes, start)) is not None:
            replies.append(self._bytes[start:end])
            start = end
        self._bytes = self._bytes[start:]
        return replies


def containing(text: str) -> Callable[[bytes], bool]:
    """Return a choice for ``drop_next`` and ``eat_next``: what has this text in it."""
    return lambda reply: text.encode() in reply


def is_publication(reply: bytes) -> bool:
    """Tell whether a reply is a message of a shard channel."""
    return reply[:1] in {b"*", b">"} and b"smessage\r\n" in reply[:40]


def is_subscription(reply: bytes) -> bool:
    """Tell whether a reply confirms the subscription to a shard channel."""
    return reply[:1] in {b"*", b">"} and b"ssubscribe\r\n" in reply[:40]


def _end_of(data: bytes, start: int) -> int | None:
    """Return where the reply that begins at ``start`` ends, or None when it is not whole."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, rest, after = data[start : start + 1], data[start + 1 : line_end], line_end + 2
    if kind in b"$=!":
        size = int(rest)
        end = after if size < 0 else after + size + 2
        return end if end <= len(data) else None
    if kind in b"*~>%":
        for _ in range(int(rest) * (2 if kind == b"%" else 1)):
            following = _end_of(data, after)
            if following is None:
                return None
            after = following
    return after
