"""Waiting for a neighbour that is away: longer each time, with jitter, until a stop."""

from __future__ import annotations

import asyncio
import logging
import random

log = logging.getLogger(__name__)

FIRST_S = 0.1
MOST_S = 10.0


class Stopping(Exception):
    """PostgreSQL or Redis is away, and the writer was asked to stop: leave the rest."""


class Backoff:
    """Pauses of ``FIRST_S`` to ``MOST_S`` seconds; ``calm`` begins anew."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._pause_s = FIRST_S

    def calm(self) -> None:
        """Say that the neighbour answers."""
        self._pause_s = FIRST_S

    async def pause(self, neighbour: str) -> None:
        """Wait before another attempt.

        Raises:
            Stopping: the writer is asked to stop: no more attempts.
        """
        pause_s = self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
        self._pause_s = min(self._pause_s * 2, MOST_S)
        log.warning("%s is away, trying again", neighbour, extra={"pause_s": round(pause_s, 2)})
        try:
            async with asyncio.timeout(pause_s):
                await self._stop.wait()
        except TimeoutError:
            return
        raise Stopping
