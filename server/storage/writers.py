"""The census of writers: how many there are, so that each takes its share.

It decides nothing but shares. Who may drain a partition is decided by its lease in Redis.
"""

from __future__ import annotations

from server.storage.pool import Pool
from server.storage.sql import queries


class Writers:
    """Every live writer; all methods raise ``Refusal("unavailable")`` without PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def beat(self, token: str, life_ms: int) -> int:
        """Say that this writer lives; returns how many were heard of within ``life_ms``."""
        async with self._pool.connection() as connection:
            await queries.beat_writer(connection, token=token)
            await queries.forget_writers(connection, life_ms=life_ms)
            return int(await queries.count_writers(connection))

    async def leave(self, token: str) -> None:
        """Say that this writer stops; the others take over its share at once."""
        async with self._pool.connection() as connection:
            await queries.remove_writer(connection, token=token)
