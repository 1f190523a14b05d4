"""Takes away files that nobody can have any more: deleted ones, and uploads never sent.

Every website sweeps: to remove twice is to remove once. The bytes go first and the row after
them, so what fails half-way is found again the next time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from server.domain.errors import Refusal
from server.runtime.instruments import FILES_REMOVED
from server.website.uploads import Uploads

log = logging.getLogger(__name__)

PAUSE_S: Final = 60.0
UNUSED_MS: Final = 2 * 86_400_000
"""Twice the life of a token: a message that was sent with it may have waited for the writer."""
BATCH: Final = 100


class FileSweeper:
    """Removes bytes and rows, a batch at a time."""

    def __init__(self, uploads: Uploads, *, unused_ms: int = UNUSED_MS) -> None:
        self._files = uploads.files
        self._store = uploads.store
        self._incoming = uploads.incoming
        self._unused_ms = unused_ms

    async def run(self) -> None:
        """Sweep for ever; while PostgreSQL or the store is away, files stay."""
        busy = False
        while True:
            pause_s = 1.0 if busy else PAUSE_S * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
            await asyncio.sleep(pause_s)
            try:
                busy = await self.sweep() >= BATCH
            except Refusal:
                busy = False
                log.debug("files could not be swept")
            except OSError:
                busy = False
                log.exception("a file cannot be removed")

    async def sweep(self) -> int:
        """Remove up to a batch of files; return how many.

        Raises:
            Refusal: ``unavailable``.
            OSError: the disk refuses.
        """
        await asyncio.to_thread(self._incoming.tidy)
        await self._files.expire(self._unused_ms, BATCH)
        deleted = await self._files.deleted(BATCH)
        if not deleted:
            return 0
        await self._store.remove(deleted)
        removed = await self._files.forget(deleted)
        FILES_REMOVED.inc(removed)
        return removed
