"""The rooms that a person starred; ``storage/rooms.py`` lists them first."""

from __future__ import annotations

from server.storage.pool import Pool
from server.storage.sql import queries


class Favourites:
    """All methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, user_id: str, room_id: str) -> None:
        """Star a room; once more changes nothing."""
        async with self._pool.connection() as connection:
            await queries.add_favourite(connection, user_id=user_id, room_id=room_id)

    async def remove(self, user_id: str, room_id: str) -> None:
        """Take the star away, if there is one."""
        async with self._pool.connection() as connection:
            await queries.remove_favourite(connection, user_id=user_id, room_id=room_id)
