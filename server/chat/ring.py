"""The recent frames of a room, in order and without a hole, for quick resumes."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

from server.domain.frames import TextFrame
from server.domain.positions import START, Position


class Placed(NamedTuple):
    """A ready-made frame and where its event stands."""

    position: Position
    frame: TextFrame


class Ring:
    """Keeps the newest ``limit`` frames, and up to ``pinned_limit`` while it is pinned.

    Somebody who is on the way into a room pins the ring: what comes meanwhile must be
    there when he arrives.
    """

    __slots__ = ("_base", "_limit", "_pinned_limit", "_pins", "_placed")

    def __init__(self, limit: int, pinned_limit: int) -> None:
        self._limit = limit
        self._pinned_limit = max(limit, pinned_limit)
        self._placed: deque[Placed] = deque()
        self._base = START
        self._pins = 0

    def restart(self, position: Position) -> None:
        """Forget everything: the next frame follows ``position``."""
        self._placed.clear()
        self._base = position

    def append(self, position: Position, frame: TextFrame) -> None:
        """Add the frame that follows the newest one."""
        self._placed.append(Placed(position, frame))
        if len(self._placed) > (self._pinned_limit if self._pins else self._limit):
            self._base = self._placed.popleft().position

    def after(self, position: Position) -> list[Placed] | None:
        """Return what follows ``position``; ``None`` when the ring does not know that place."""
        index = position.seq - self._base.seq
        if not 0 <= index <= len(self._placed):
            return None
        known = self._placed[index - 1].position if index else self._base
        if known != position:
            return None
        return list(islice(self._placed, index, None))

    def pin(self) -> None:
        """Keep more than usual until ``unpin`` was called as often."""
        self._pins += 1

    def unpin(self) -> None:
        """End one ``pin``."""
        self._pins -= 1
        if not self._pins:
            while len(self._placed) > self._limit:
                self._base = self._placed.popleft().position
