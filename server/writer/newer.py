"""Records of a kind that this writer does not know: a newer replica speaks already.

In a rolling update they are left where they are, with everything behind them, and the lease is
given back so that a newer writer may take it. Only when none has come for ``PATIENCE_S`` are they
set aside like other records that cannot be saved: a partition must not stand still for ever.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Sequence
from typing import Final

from server.domain.records import EV_OF_KIND, READ_MARK_KIND
from server.state.drain import Record

log = logging.getLogger(__name__)

PATIENCE_S: Final = 300.0
"""A rolling update has brought a newer writer by then."""
KNOWN: Final = frozenset({*EV_OF_KIND, READ_MARK_KIND})

_A_KIND: Final = re.compile(r"[a-z]", re.ASCII)
"""What any version calls a kind; other words are no kind but damage."""


class Newer:
    """The partitions of which a newer writer is waited for."""

    def __init__(self, known: Collection[str] = KNOWN) -> None:
        self._known = known
        self._since: dict[int, float] = {}

    def cut(self, partition: int, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that go to PostgreSQL now: all, or those before an unknown kind."""
        for number, record in enumerate(records):
            if record.kind in self._known or not _A_KIND.fullmatch(record.kind):
                continue
            now = time.monotonic()
            if partition not in self._since:
                self._since[partition] = now
                log.warning(
                    "a record of a newer version waits for a newer writer",
                    extra={"partition": partition, "kind": record.kind},
                )
            return records if now - self._since[partition] >= PATIENCE_S else records[:number]
        self._since.pop(partition, None)
        return records
