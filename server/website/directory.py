"""Rooms by id, remembered for when PostgreSQL is away.

A room's name and owner never change. Its visibility, its description and its end may: an
old answer is wrong about them, and Redis refuses who may not come in.
"""

from __future__ import annotations

from typing import Final

from server.domain.errors import Refusal
from server.domain.rooms import Room
from server.storage.rooms import Rooms

REMEMBERED_MAX: Final = 10_000
"""Rooms that a process remembers; the one added first goes first."""


class Directory:
    """Looks rooms up in PostgreSQL, and in memory while that is away."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._known: dict[str, Room] = {}

    async def find(self, room_id: str) -> Room | None:
        """Return the room, a deleted one with ``deleted`` set, or ``None``.

        Raises:
            Refusal: ``unavailable`` for a room that nobody asked for before.
        """
        try:
            room = await self._rooms.by_id(room_id)
        except Refusal:
            known = self._known.get(room_id)
            if known is None:
                raise
            return known
        if room is not None:
            if len(self._known) >= REMEMBERED_MAX and room_id not in self._known:
                del self._known[next(iter(self._known))]
            self._known[room_id] = room
        return room
