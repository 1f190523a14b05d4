r"""What a function publishes: several events of one partition in one message.

The bytes are ``<n> <count>\\n``, then per event ``<room> <epoch> <seq> <kind> <subject>
<bytes>\\n<event>\\n``; ``functions/prelude.lua`` writes them. A replica acts on the short
header and hands the event on without reading it.
"""

from __future__ import annotations

from typing import NamedTuple

from server.domain.positions import Position


class Event(NamedTuple):
    """An event as it travels: ``payload`` is its JSON, ready for a text frame.

    ``kind`` is a ``domain.events.Kind`` letter, ``subject`` the user whom it is about or
    ``-``. Kinds ``s``, ``p`` and ``t`` have no place in the order: for ``s`` the position is
    the saved watermark, for the others it is (0, 0).
    """

    room: str
    position: Position
    kind: str
    subject: str
    payload: bytes


class Publication(NamedTuple):
    """``n`` counts the publications of a partition; 0 is outside of the count."""

    n: int
    events: list[Event]


def parse_publication(data: bytes) -> Publication:
    """Read one publication.

    Raises:
        ValueError: these are not the bytes of a publication.
    """
    end = data.index(b"\n")
    n, count = data[:end].split()
    events = []
    start = end + 1
    for _ in range(int(count)):
        end = data.index(b"\n", start)
        room, epoch, seq, kind, subject, size = data[start:end].decode("ascii").split(" ")
        start = end + 1 + int(size)
        if data[start : start + 1] != b"\n":
            raise ValueError("a publication is cut short")
        payload = data[end + 1 : start]
        events.append(Event(room, Position(int(epoch), int(seq)), kind, subject, payload))
        start += 1
    return Publication(int(n), events)
