"""Brings a batch into PostgreSQL, come what may: every record as a row, or set aside.

An outage is waited for, however long, and never a reason to set a record aside. Only what
PostgreSQL understood and refused is: the batch is halved until that record is alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from server.domain.errors import Refusal
from server.runtime import instruments
from server.storage.messages import BadData, Messages, Outlived
from server.writer.backoff import Backoff
from server.writer.batch import Entry, drained_of, halves, marks_of, rows_of

log = logging.getLogger(__name__)


class Saver:
    """The side of the writer that speaks to PostgreSQL."""

    def __init__(self, messages: Messages, backoff: Backoff) -> None:
        self._messages = messages
        self._backoff = backoff

    async def save(self, entries: Sequence[Entry]) -> None:
        """Return once every entry is in PostgreSQL, as a row or as a dead letter.

        Raises:
            Stopping: PostgreSQL is away and the writer is asked to stop.
            Outlived: they come from a Redis that was replaced.
        """
        good = [entry for entry in entries if entry.error is None]
        if good:
            await self._save_good(good)
        for entry in entries:
            if entry.error is not None:
                await self._set_aside(entry, entry.error)

    async def _save_good(self, entries: Sequence[Entry]) -> None:
        try:
            await self._insert(entries)
        except BadData as error:
            if len(entries) == 1:
                await self._set_aside(entries[0], str(error))
                return
            for half in halves(entries):
                await self._save_good(half)

    async def _insert(self, entries: Sequence[Entry]) -> None:
        rows, marks, drained = rows_of(entries), marks_of(entries), drained_of(entries)
        while True:
            start = time.perf_counter()
            try:
                await self._messages.insert(rows, marks, drained)
            except (BadData, Outlived):
                raise
            except Exception as error:  # noqa: BLE001 - none of them may lose a record
                await self._wait_after(error)
            else:
                instruments.WRITER_COMMIT_SECONDS.observe(time.perf_counter() - start)
                instruments.WRITER_BATCH_ROWS.observe(len(entries))
                self._backoff.calm()
                return

    async def _set_aside(self, entry: Entry, error: str) -> None:
        [drained] = drained_of([entry])
        while True:
            try:
                await self._messages.set_aside(drained, entry.payload, error, entry.row)
            except Outlived:
                raise
            except Exception as failure:  # noqa: BLE001 - none of them may lose a record
                await self._wait_after(failure)
            else:
                break
        instruments.WRITER_SET_ASIDE.inc()
        log.error(
            "a record cannot be saved and was set aside",
            extra={"partition": entry.partition, "record": entry.id.decode(), "reason": error},
        )

    async def _wait_after(self, error: Exception) -> None:
        instruments.WRITER_RETRIES.inc()
        if not isinstance(error, Refusal):
            log.error("a batch was not saved and is tried again", exc_info=error)
        await self._backoff.pause("PostgreSQL")
