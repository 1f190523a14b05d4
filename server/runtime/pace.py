"""How fast each person may go on: the generic cell rate algorithm (ITU-T I.371), in memory.

One number per person who was active a moment ago. Every process counts for itself: asking Redis
would cost two commands per message, and who comes over several processes is limited by each.
"""

from __future__ import annotations

from typing import Final

SWEEP_AT: Final = 4096
"""People that are kept before those who may go at full speed again are forgotten."""


class Pace:
    """Limits people to ``rate`` events a second with ``burst`` at once; a rate of 0 is no limit."""

    __slots__ = ("_burst", "_due", "_interval", "_sweep_at")

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._burst = (burst - 1) * self._interval
        self._due: dict[str, float] = {}
        self._sweep_at = SWEEP_AT

    def __len__(self) -> int:
        return len(self._due)

    def take(self, person: str, now: float) -> float:
        """Count one event at ``now``, in seconds; return 0, or the seconds to wait instead."""
        if not self._interval:
            return 0.0
        due = max(self._due.get(person, now), now)
        wait = due - now - self._burst
        if wait > 0:
            return wait
        if len(self._due) >= self._sweep_at:
            self._sweep(now)
        self._due[person] = due + self._interval
        return 0.0

    def give_back(self, person: str) -> None:
        """Count one event less: it came to nothing."""
        if person in self._due:
            self._due[person] -= self._interval

    def _sweep(self, now: float) -> None:
        self._due = {person: due for person, due in self._due.items() if due > now}
        self._sweep_at = max(SWEEP_AT, 2 * len(self._due))
