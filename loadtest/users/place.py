"""Where a socket stands in its room, by the client's rule of docs/protocol.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

MOST_MISSING: Final = 10_000
"""Holes that are remembered; a socket with more has lost them for good."""


class Position(NamedTuple):
    """A place in a room's history."""

    epoch: int
    seq: int


class News(Enum):
    """What an event is to somebody at a place."""

    NEXT = auto()
    LATE = auto()
    AHEAD = auto()
    AGAIN = auto()


@dataclass(slots=True)
class Counts:
    """Events that should have come, that came, that came again, and that came after later ones."""

    expected: int = 0
    received: int = 0
    duplicate: int = 0
    out_of_order: int = 0


@dataclass(slots=True)
class Place:
    """The position of the newest event that came, and the holes before it."""

    counts: Counts
    last: Position | None = None
    _missing: set[int] = field(default_factory=set)

    def begin(self, position: Position) -> None:
        """Stand at a position from which on everything has to come: live, or after a reset."""
        self.last = position
        self._missing.clear()

    def take(self, position: Position) -> News:
        """Count an event that came."""
        counts, last = self.counts, self.last
        if last is None or position.epoch > last.epoch:
            self.begin(position)
            counts.expected += 1
            counts.received += 1
            return News.NEXT
        if position.seq in self._missing:
            self._missing.discard(position.seq)
            counts.received += 1
            counts.out_of_order += 1
            return News.LATE
        gap = position.seq - last.seq
        if gap <= 0:
            counts.duplicate += 1
            return News.AGAIN
        if gap <= MOST_MISSING:
            self._missing.update(range(last.seq + 1, position.seq))
        counts.expected += gap
        counts.received += 1
        self.last = position
        return News.NEXT if gap == 1 else News.AHEAD

    def should_reach(self, position: Position) -> None:
        """Count as expected what did not come up to a position that is known to exist."""
        last = self.last
        if last is not None and position.epoch == last.epoch and position.seq > last.seq:
            self.counts.expected += position.seq - last.seq
            self._missing.update(range(last.seq + 1, min(position.seq, last.seq + MOST_MISSING)))
            self.last = position

    def has(self, position: Position) -> bool:
        """Tell whether what stands at a position came, or lies before our time."""
        return self.last is not None and self.last >= position and position.seq not in self._missing
