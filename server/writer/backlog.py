"""How full the drains are: said aloud before senders are refused, and when they are."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from server.runtime.instruments import DRAIN_FILL, DRAIN_RECORDS, DRAIN_RECORDS_MAX

log = logging.getLogger(__name__)

HALF = 0.5
"""From this share of the limit on somebody should look."""

_WORDS = {
    "half": "a drain is half full: PostgreSQL does not keep up",
    "full": "a drain is full: senders are refused until PostgreSQL keeps up",
}


class Backlog:
    """Measures the drains; one line in the log each time that their state changes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._state = "fine"

    def measure(self, lengths: Mapping[int, int]) -> None:
        """Take the number of unsaved records of every partition."""
        partition = max(lengths, key=lambda each: lengths[each])
        most = lengths[partition]
        DRAIN_RECORDS.set(sum(lengths.values()))
        DRAIN_RECORDS_MAX.set(most)
        DRAIN_FILL.set(most / self._limit)
        state = self._state_of(most)
        if state == self._state:
            return
        self._state = state
        fields = {"backlog": state, "partition": partition, "records": most, "limit": self._limit}
        if state == "fine":
            log.info("the drains have space again", extra=fields)
        else:
            log.warning(_WORDS[state], extra=fields)

    def _state_of(self, most: int) -> str:
        if most >= self._limit:
            return "full"
        # Around a bound it would change with every look.
        bound = HALF if self._state == "fine" else HALF * 0.8
        return "half" if most >= bound * self._limit else "fine"
