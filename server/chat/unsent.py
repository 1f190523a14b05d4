"""What all sockets together have not sent yet: bounded, because each one's bound is not enough.

Bytes that wait for many members of a room are in memory once and count for each of them, so this
is an upper limit of the memory, not its measure.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, Protocol

from server.domain.errors import CloseCode
from server.runtime.instruments import OUTBOX_OVERFLOWS, OUTBOXES_BYTES
from server.runtime.turns import in_turns

logger = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""Between two looks: a second's traffic may come on top of the limit."""


class Reader(Protocol):
    """A socket, as far as what waits for it."""

    @property
    def unsent(self) -> int:
        """Bytes that its peer has not taken."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close."""


class Unsent:
    """Closes the fullest sockets when all of them together hold too much."""

    def __init__(self, readers: Iterable[Reader], limit: int) -> None:
        self._readers = readers
        self._limit = limit

    async def watch(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Close as many of the fullest as it takes to be below the limit."""
        waiting = [
            (unsent, reader)
            async for reader in in_turns(self._readers)
            if (unsent := reader.unsent)
        ]
        total = sum(unsent for unsent, _ in waiting)
        OUTBOXES_BYTES.set(total)
        if total <= self._limit:
            return
        closed = 0
        for unsent, reader in sorted(waiting, key=lambda each: each[0], reverse=True):
            if total <= self._limit:
                break
            OUTBOX_OVERFLOWS.inc()
            reader.close(CloseCode.TOO_SLOW, "Come back and resume.")
            total -= unsent
            closed += 1
        logger.warning("slow sockets were closed to save memory", extra={"sockets": closed})
