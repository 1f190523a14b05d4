"""What PostgreSQL holds, read past Beseda."""

from __future__ import annotations

import asyncpg

from tests.scenarios.system import System

_TIMEOUT_S = 10.0


async def saved_texts(system: System, room: str) -> list[str]:
    """Return the messages of a room as they are saved, in their order."""
    connection = await asyncpg.connect(system.database_url, timeout=_TIMEOUT_S)
    try:
        rows = await connection.fetch(
            "SELECT text FROM messages WHERE room_id = $1 AND kind = 'm' ORDER BY epoch, seq",
            room,
            timeout=_TIMEOUT_S,
        )
    finally:
        await connection.close(timeout=_TIMEOUT_S)
    return [row["text"] for row in rows]
