"""Finishes deletions: a room that PostgreSQL calls deleted must not live on in Redis.

The website tells PostgreSQL first and Redis second. When the second step fails, or Redis
comes back with what it had before it, the room would go on for those who are in it. So
every writer compares, a page of rooms at a time: the newest deletions each time, and
behind them all older ones in turn. To delete twice changes nothing, so writers need not
agree on who does it.
"""

from __future__ import annotations

import asyncio
import logging
import random

from server.domain.errors import Refusal
from server.runtime.instruments import DELETIONS_FINISHED
from server.state.client import RedisClient
from server.state.rooms import Rooms as LiveRooms
from server.storage.pool import Pool
from server.storage.rooms import Deletion
from server.storage.rooms import Rooms as StoredRooms

log = logging.getLogger(__name__)

PAGE = 100
"""Rooms that are compared in one go, twice per sweep."""


class Sweeper:
    """Compares the deleted rooms of PostgreSQL with Redis."""

    def __init__(self, client: RedisClient, pool: Pool) -> None:
        self._settings = client.settings
        self._live = LiveRooms(client)
        self._stored = StoredRooms(pool)
        self._older: Deletion | None = None

    async def run(self) -> None:
        """Sweep for ever; while one of the two is away there is nothing to compare."""
        while True:
            pause_s = self._settings.deletion_sweep_s
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            try:
                await self.sweep()
            except Refusal:
                log.debug("deleted rooms could not be compared")

    async def sweep(self) -> int:
        """Finish what is found; return how many rooms that were.

        Raises:
            Refusal: ``unavailable``; the next sweep goes on from here.
        """
        newest = await self._page(None)
        older = await self._page(self._older or newest[-1]) if len(newest) == PAGE else []
        # After the last one the turn begins again behind the newest.
        self._older = older[-1] if len(older) == PAGE else None
        found = {deletion.room: deletion for deletion in (*newest, *older)}
        living = await self._live.living(list(found))
        for room in living:
            if await self._live.delete(room, found[room].owner):
                DELETIONS_FINISHED.inc()
                log.info("a deletion was finished", extra={"room": room})
        return len(living)

    async def _page(self, before: Deletion | None) -> list[Deletion]:
        # The website needs a moment for its second step.
        return await self._stored.deletions(before, PAGE, self._settings.redis_timeout_s)
