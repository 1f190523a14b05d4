"""Times, counted in the steps of an HDR histogram of three digits, at little cost per value.

``hdrh`` takes a microsecond and more for each value, which is what a delivery may cost in all.
So values are counted here by the same steps, and go into a real histogram when a round is over.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

from hdrh.histogram import HdrHistogram

from loadtest.outcome import Latency, Point

LOWEST_US: Final = 1
HIGHEST_US: Final = 60_000_000
DIGITS: Final = 3

FINE_US: Final = 65_536
"""Times below this have a step of their own in a table: nearly all, in a good run."""
COARSE_SHIFT: Final = 6
"""Above it steps of 64 us are at least as fine as three digits."""


def _steps() -> Iterator[tuple[int, int]]:
    """Yield the lowest value and the width of each step: 2048 of 1 us, then 1024 an octave."""
    value, width = 0, 1
    while value < FINE_US:
        for _ in range(2048 if value == 0 else 1024):
            yield value, width
            value += width
        width *= 2


_LOWEST: Final = [lowest for lowest, _ in _steps()]
STEP: Final = array("H", (n for n, (_, width) in enumerate(_steps()) for _ in range(width)))
"""The step of each time below ``FINE_US``."""


class Times:
    """A distribution of times in microseconds."""

    __slots__ = ("_coarse", "fine", "highest_us")

    def __init__(self) -> None:
        self.fine = array("L", bytes(len(_LOWEST) * array("L").itemsize))
        self._coarse: dict[int, int] = {}
        self.highest_us = 0

    def add(self, us: int) -> None:
        """Count one time; one beyond a minute counts as a minute."""
        if us < FINE_US:
            self.fine[STEP[us]] += 1
        else:
            us = min(us, HIGHEST_US)
            step = us >> COARSE_SHIFT
            self._coarse[step] = self._coarse.get(step, 0) + 1
        self.highest_us = max(self.highest_us, us)

    def merge(self, other: Times) -> None:
        """Count everything that another one has counted."""
        fine = self.fine
        for step, count in enumerate(other.fine):
            if count:
                fine[step] += count
        for step, count in other._coarse.items():
            self._coarse[step] = self._coarse.get(step, 0) + count
        self.highest_us = max(self.highest_us, other.highest_us)

    def written(self) -> list[list[int]]:
        """Return it as JSON can have it: the highest, then pairs of a step and its count."""
        fine = [n for step, count in enumerate(self.fine) if count for n in (step, count)]
        coarse = [n for pair in self._coarse.items() for n in pair]
        return [[self.highest_us], fine, coarse]

    @classmethod
    def read(cls, written: Sequence[Sequence[int]]) -> Times:
        """Read what ``written`` wrote."""
        times = cls()
        (times.highest_us,), fine, coarse = written
        for step, count in zip(fine[::2], fine[1::2], strict=True):
            times.fine[step] = count
        times._coarse = dict(zip(coarse[::2], coarse[1::2], strict=True))
        return times

    def point(self, at: float) -> Point:
        """Sum up one second of a round."""
        values = list(self._values())
        total = sum(count for _, count in values)
        p50, p99 = (_percentile(values, total, part) for part in (0.50, 0.99))
        return Point(at, total, p50, p99, self.highest_us / 1000)

    def latency(self) -> Latency | None:
        """Return the whole distribution; None when nothing was counted."""
        if not self.highest_us and not any(self.fine):
            return None
        histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        for us, count in self._values():
            histogram.record_value(us, count)
        p50, p90, p99, p999 = (
            min(self.highest_us, float(histogram.get_value_at_percentile(part))) / 1000
            for part in (50, 90, 99, 99.9)
        )
        return Latency(
            count=histogram.get_total_count(),
            p50=p50,
            p90=p90,
            p99=p99,
            p999=p999,
            max=self.highest_us / 1000,
            histogram=histogram.encode().decode(),
        )

    def _values(self) -> Iterator[tuple[int, int]]:
        for step, count in enumerate(self.fine):
            if count:
                yield max(_LOWEST[step], LOWEST_US), count
        for step in sorted(self._coarse):
            yield step << COARSE_SHIFT, self._coarse[step]


def _percentile(values: list[tuple[int, int]], total: int, part: float) -> float:
    """Return milliseconds; 0 of nothing."""
    wanted = part * total
    for us, count in values:
        wanted -= count
        if wanted <= 0:
            return us / 1000
    return 0.0
