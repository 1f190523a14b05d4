"""Keeps a fault from flooding the log: what repeats is written a few times, then summed up.

What is refused for each message would be a line for each, on a disk that may be the full one.
The metrics count all of them.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
import time
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BURST: Final = 5
"""Records of one kind that are written as they come: different rooms may have the same trouble."""
PERIOD_S: Final = 10.0
"""Then one record per kind and period says how many more there were."""
KINDS: Final = 200
"""Kinds that are told apart at a time; what comes beyond is one kind together."""
KIND_CHARS: Final = 200
SLACK_S: Final = 0.1
"""Timers may be a little early."""

_Kind = tuple[object, ...]
_OTHERS: Final[_Kind] = ()


@dataclass(slots=True)
class _Run:
    """Records of one kind since ``began``: how many were written, and what was held back."""

    began: float
    written: int = 0
    held: int = 0
    last: logging.LogRecord | None = None


class Repeats(logging.Filter):
    """Lets ``BURST`` warnings or errors of a kind through at once, then one per ``PERIOD_S``.

    That one is the last of those that were held back, without its traceback: ``more`` is how many
    were like it, in ``seconds``. A kind is the logger, the level, the words before their values
    are put in, the kind of exception, and the first word of ``reason``. A kind that was quiet for
    a period begins anew.
    """

    def __init__(
        self,
        write: Callable[[logging.LogRecord], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``write`` takes what sums up; it must not come back to this filter."""
        super().__init__()
        self._write = write
        self._now = now
        self._runs: dict[_Kind, _Run] = {}
        self._lock = threading.Lock()
        self._due = now() + PERIOD_S
        self._is_timed = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write the record now."""
        at = self._now()
        if at >= self._due:
            self.sum_up()
        if record.levelno < logging.WARNING:
            return True
        kind = _kind_of(record)
        with self._lock:
            if kind not in self._runs and len(self._runs) >= KINDS:
                kind = _OTHERS
            run = self._runs.setdefault(kind, _Run(at))
            self._due = min(self._due, run.began + PERIOD_S)
            if run.written < BURST:
                run.written += 1
                return True
            run.held += 1
            run.last = _bare(record)
        self._wake()
        return False

    def sum_up(self, *, early: bool = False) -> None:
        """Write the sums whose period is over; all of them when it is ``early`` but the end."""
        at = self._now()
        sums = []
        with self._lock:
            self._due = at + PERIOD_S
            for kind, run in list(self._runs.items()):
                seconds = at - run.began
                if seconds < PERIOD_S and not early:
                    self._due = min(self._due, run.began + PERIOD_S)
                elif run.last is None:
                    del self._runs[kind]
                else:
                    run.last.__dict__.update(more=run.held - 1, seconds=round(seconds, 1))
                    sums.append(run.last)
                    self._runs[kind] = _Run(at, written=BURST)
        for record in sums:
            # Without the ids of whoever has just said something.
            Context().run(self._write, record)

    def _wake(self) -> None:
        """Have the sum written even if nobody says more; without a loop the next record does."""
        if self._is_timed:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._is_timed = True
        loop.call_later(PERIOD_S + SLACK_S, self._ring)

    def _ring(self) -> None:
        self._is_timed = False
        self.sum_up()
        with self._lock:
            waits = any(run.last is not None for run in self._runs.values())
        if waits:
            self._wake()


def _kind_of(record: logging.LogRecord) -> _Kind:
    error = type(record.exc_info[1]) if record.exc_info else None
    reason = str(getattr(record, "reason", "")).partition(" ")[0]
    words = str(record.msg)[:KIND_CHARS]
    return record.name, record.levelno, words, error, reason[:KIND_CHARS]


def _bare(record: logging.LogRecord) -> logging.LogRecord:
    """Copy a record without its traceback, which keeps alive whatever its frames hold."""
    bare = copy.copy(record)
    bare.exc_info = bare.exc_text = None
    return bare
