"""Records that PostgreSQL refused: to look at, and to let go of once they are saved."""

from __future__ import annotations

from dataclasses import dataclass

from server.storage.pool import Pool
from server.storage.sql import fetch, queries


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record, as it was in the drain; ``at`` is Unix ms, ``error`` why it was refused."""

    id: int
    partition: int
    record_id: str
    payload: bytes
    error: str
    at: int


class DeadLetters:
    """All of them; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def after(self, letter_id: int, limit: int) -> list[DeadLetter]:
        """List up to ``limit`` whose id is higher than ``letter_id``, oldest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.dead_letters_after(connection, letter_id=letter_id, limit=limit)
            )
        return [DeadLetter(*row) for row in rows]

    async def remove(self, letter_id: int) -> None:
        """Forget one: it is saved."""
        async with self._pool.connection() as connection:
            await queries.remove_dead_letter(connection, letter_id=letter_id)
