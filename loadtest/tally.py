"""What was expected, and what came: once, twice, late, in another order, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from loadtest.clock import NS
from loadtest.marks import Mark
from loadtest.outcome import Latency, Point
from loadtest.times import FINE_US, STEP, Times

_GAPS: Final = 4096
"""So many missing numbers are remembered per socket; one that comes later still is a duplicate."""


class Hearing:
    """What one socket has heard, by stream; it outlives reconnects."""

    __slots__ = ("gaps", "next")

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.gaps: dict[Mark, None] | None = None


class Tally:
    """The counts of one round: of messages that were due from ``begin`` to before ``end``.

    Times of CLOCK_MONOTONIC, in nanoseconds. Messages outside are followed, as they tell what
    comes next, and counted nowhere.
    """

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        self.end = end
        self.expected = 0
        self.received = 0
        self.duplicate = 0
        self.out_of_order = 0
        self.bytes = 0
        self.errors: Counter[str] = Counter()
        self.more: dict[str, Times] = {}
        self.series: list[Point] = []
        self._second = Times()
        self._all = Times()

    @property
    def complete(self) -> bool:
        """Whether everything that is expected so far has come."""
        return self.received >= self.expected

    def counts(self, due: int) -> bool:
        """Tell whether a message belongs to this round."""
        return self.begin <= due < self.end

    def read(self, size: int, now: int) -> None:
        """Count the bytes of a read; whatever is said in a round comes after its beginning."""
        if now >= self.begin:
            self.bytes += size

    def heard(self, hearing: Hearing, marks: Sequence[Mark], now: int) -> None:
        """Count the messages that a socket read at ``now``."""
        following = hearing.next
        begin, end = self.begin, self.end
        second = self._second
        fine = second.fine
        received = 0
        for mark in marks:
            due, stream, number = mark
            if following.get(stream, 0) == number:
                following[stream] = number + 1
            elif not self._odd(hearing, mark):
                continue
            if begin <= due < end:
                received += 1
                us = (now - due) // 1000
                if us < FINE_US:  # as Times.add, without a call for each delivery
                    fine[STEP[us]] += 1
                    if us > second.highest_us:  # noqa: PLR1730 - max() would be that call
                        second.highest_us = us
                else:
                    second.add(us)
        self.received += received

    def time(self, name: str, us: int) -> None:
        """Count a time of another kind."""
        times = self.more.get(name)
        if times is None:
            times = self.more[name] = Times()
        times.add(us)

    def tick(self, now: int) -> Point:
        """End the running second, and return what came in it."""
        at = max(0.0, round((now - self.begin) / NS) - 1.0)
        point = self._second.point(at)
        self.series.append(point)
        self._all.merge(self._second)
        self._second = Times()
        return point

    def hand_over(self) -> dict[str, Any]:
        """Return what was counted since the last time, as JSON can have it; count it no more."""
        part = {
            "received": self.received,
            "duplicate": self.duplicate,
            "out_of_order": self.out_of_order,
            "bytes": self.bytes,
            "errors": dict(self.errors),
            "heard": self._second.written(),
            "more": {name: times.written() for name, times in self.more.items()},
        }
        self.received = self.duplicate = self.out_of_order = self.bytes = 0
        self.errors.clear()
        self.more.clear()
        self._second = Times()
        return part

    def take_over(self, part: Mapping[str, Any]) -> None:
        """Count what another one handed over, in the running second."""
        self.received += part["received"]
        self.duplicate += part["duplicate"]
        self.out_of_order += part["out_of_order"]
        self.bytes += part["bytes"]
        self.errors.update(part["errors"])
        self._second.merge(Times.read(part["heard"]))
        for name, written in part["more"].items():
            self.more.setdefault(name, Times()).merge(Times.read(written))

    def latency(self) -> Latency | None:
        """Return the latency of everything that came."""
        self._all.merge(self._second)
        self._second = Times()
        return self._all.latency()

    def others(self) -> dict[str, Latency]:
        """Return the times of other kinds."""
        found = {name: times.latency() for name, times in self.more.items()}
        return {name: latency for name, latency in found.items() if latency is not None}

    def _odd(self, hearing: Hearing, mark: Mark) -> bool:
        """Look at a message that is not the next one; tell whether it is the first of its kind."""
        due, stream, number = mark
        following = hearing.next.get(stream, 0)
        gaps = hearing.gaps
        if number > following:
            if gaps is None:
                gaps = hearing.gaps = {}
            for missing in range(max(following, number - _GAPS), number):
                gaps[Mark(0, stream, missing)] = None
            while len(gaps) > _GAPS:
                del gaps[next(iter(gaps))]
            hearing.next[stream] = number + 1
            return True
        missed = Mark(0, stream, number)
        if gaps is not None and missed in gaps:
            del gaps[missed]
            self.out_of_order += self.counts(due)
            return True
        self.duplicate += self.counts(due)
        return False
