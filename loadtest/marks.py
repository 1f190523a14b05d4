"""The mark in every text that is sent: when it was due, in which stream, and which number.

    @@<due, 19 digits><number, 9 digits><stream, 6 digits>@@

It has one width and no JSON in it, so that it is found in a frame by its bytes, and the frame
needs no decoding. A stream is what one socket says in one room; its messages are numbered from
0 without a hole. ``due`` is nanoseconds of CLOCK_MONOTONIC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from loadtest.words import Words

FENCE: Final = b"@@"
SIZE: Final = 38
MOST_STREAMS: Final = 1_000_000


class Mark(NamedTuple):
    """One message, as its receivers know it."""

    due: int
    stream: int
    number: int


def text_of(mark: Mark, size: int, words: Words | None = None) -> bytes:
    """Write a text of ``size`` bytes, which is at least ``SIZE``, that carries the mark.

    Words follow it, or one letter again and again: nobody reads them.
    """
    head = b"@@%019d%09d%06d@@" % (mark.due, mark.number, mark.stream)
    more = size - SIZE
    return head + (b"x" * more if words is None else words.some(mark.number, more))


def marks_in(data: bytes, begin: int, end: int) -> Iterator[Mark]:
    """Yield every mark in a part of ``data``, in order."""
    at = data.find(FENCE, begin, end)
    while 0 <= at <= end - SIZE:
        inner = at + len(FENCE)
        if data[at + SIZE - 2 : at + SIZE] == FENCE and data[inner : at + SIZE - 2].isdigit():
            yield Mark(
                int(data[inner : inner + 19]),
                int(data[inner + 28 : inner + 34]),
                int(data[inner + 19 : inner + 28]),
            )
            at += SIZE
        else:
            at += 1
        at = data.find(FENCE, at, end)
