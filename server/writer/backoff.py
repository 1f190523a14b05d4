"""Waiting for a neighbour that is away: longer each time, with jitter, until a stop."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress

log = logging.getLogger(__name__)

FIRST_S = 0.1
MOST_S = 10.0


class Stopping(Exception):
    """PostgreSQL or Redis is away, and the writer was asked to stop: leave the rest."""


class Backoff:
    """Pauses of ``FIRST_S`` to ``MOST_S`` seconds; ``calm`` begins anew.

    Whoever comes amid a pause shares it: two who fail together do not wait twice as long.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._pause_s = FIRST_S
        self._over: asyncio.Event | None = None

    def calm(self) -> None:
        """Say that the neighbour answers."""
        self._pause_s = FIRST_S

    async def pause(self, neighbour: str) -> None:
        """Wait before another attempt.

        Raises:
            Stopping: the writer is asked to stop: no more attempts.
        """
        if self._over is None:
            self._over = asyncio.Event()
            try:
                await self._wait(neighbour)
            finally:
                self._over.set()
                self._over = None
        else:
            await self._over.wait()
        if self._stop.is_set():
            raise Stopping

    async def _wait(self, neighbour: str) -> None:
        pause_s = self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
        self._pause_s = min(self._pause_s * 2, MOST_S)
        log.warning("%s is away, trying again", neighbour, extra={"pause_s": round(pause_s, 2)})
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stop.wait()
