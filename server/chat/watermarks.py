"""Saved watermarks that wait for other frames to go with.

Only the newest counts, and nobody is in a hurry for it: as a write of its own it would cost a
busy room as much as a message does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

LOOK_S: Final = 0.1
"""A watermark waits at least so long for a message, and at most twice as long."""


class Watermarked(Protocol):
    """A room, as far as its watermark."""

    @property
    def watermark(self) -> object | None:
        """The frame that waits, or None once it has gone with another."""

    def send_saved(self) -> None:
        """Let it go by itself."""


class Watermarks:
    """Looks at rooms whose watermark waits; what waited since the last look goes by itself."""

    def __init__(self, call_later: Callable[[float, Callable[[], None]], Any]) -> None:
        self._call_later = call_later
        self._waiting: dict[Watermarked, object | None] = {}

    def wait(self, room: Watermarked) -> None:
        """See to it that the watermark of a room is written before long."""
        if not self._waiting:
            self._call_later(LOOK_S, self.look)
        self._waiting.setdefault(room)

    def look(self) -> None:
        """Write the watermarks that found no company; newer ones may still find it."""
        rooms, self._waiting = self._waiting, {}
        for room, seen in rooms.items():
            if room.watermark is seen:
                room.send_saved()
            else:
                self._waiting[room] = room.watermark
        if self._waiting:
            self._call_later(LOOK_S, self.look)
