"""What a process of Locust's measured: every time by its name, and what came of what should.

Locust's own tables get everything too, by its ``request`` event. These records exist because
a run of the load test wants distributions and counts that Locust does not keep; workers send
theirs to the master with their reports.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from loadtest.outcome import Latency, Point, Round
from loadtest.times import Times
from loadtest.users.place import Counts

FAN_OUT: Final = "fan-out"
"""The time that is a run's latency: from one person's send to another one's screen."""

FIRST: Final = ("send to ack", "send to own delivery", "resume", "connect", "log in")
"""What a reader of a report looks for first; the rest follows by name."""

_DIGITS: Final = 11
"""Binary digits of a time that are kept on the way to the master: as fine as the histograms."""


class Records:
    """Counts and times since ``reset``."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.errors: Counter[str] = Counter()
        self._times: dict[str, Counter[int]] = {}
        self._seconds: dict[int, Counter[int]] = {}
        self._since: float | None = None
        self._until: float | None = None

    def reset(self) -> None:
        """Forget everything: what is measured begins now."""
        for field in dataclasses.fields(self.counts):
            setattr(self.counts, field.name, 0)  # places hold on to it
        self.errors.clear()
        self._times.clear()
        self._seconds.clear()
        self._since, self._until = time.time(), None

    def end(self) -> None:
        """What is measured ends now; what was on its way may still be counted."""
        self._until = self._until or time.time()

    def took(self, name: str, ms: float) -> None:
        """Count a time."""
        us = _rounded(round(ms * 1000))
        self._times.setdefault(name, Counter())[us] += 1
        if name == FAN_OUT:
            self._seconds.setdefault(int(time.time()), Counter())[us] += 1

    def failed(self, name: str, why: str) -> None:
        """Count something that did not work."""
        self.errors[f"{name}: {why}"] += 1

    def drain(self) -> dict[str, Any]:
        """Return what came since the last time, in words of msgpack, and forget it."""
        counts = self.counts
        report = {
            "counts": dataclasses.asdict(counts),
            "errors": dict(self.errors),
            "times": {name: list(times.items()) for name, times in self._times.items()},
            "seconds": [(at, list(times.items())) for at, times in self._seconds.items()],
        }
        since = self._since
        self.reset()
        self._since = since
        return report

    def absorb(self, report: Mapping[str, Any]) -> None:
        """Add what a worker drained."""
        for name, count in report["counts"].items():
            setattr(self.counts, name, getattr(self.counts, name) + count)
        self.errors.update(report["errors"])
        for name, times in report["times"].items():
            _add(self._times.setdefault(name, Counter()), times)
        for at, times in report["seconds"]:
            _add(self._seconds.setdefault(at, Counter()), times)

    def newest(self) -> Point:
        """Return the last whole second."""
        at = int(time.time()) - 1
        return _times_of(self._seconds.get(at, Counter())).point(float(at))

    def round(self) -> Round:
        """Return everything as a round of a run."""
        until = self._until or time.time()
        since = self._since or until
        seconds = max(0.001, until - since)
        first = int(since) + 1
        series = [
            _times_of(self._seconds.get(at, Counter())).point(float(at - first))
            for at in range(first, int(until))
        ]
        names = sorted(self._times.keys() - set(FIRST))
        names = [*(name for name in FIRST if name in self._times), *names]
        latencies = {name: latency for name in names if (latency := self._latency(name))}
        return Round(
            seconds=seconds,
            **dataclasses.asdict(self.counts),
            errors=dict(self.errors),
            latency=latencies.pop(FAN_OUT, None),
            more=latencies,
            series=series,
        )

    def _latency(self, name: str) -> Latency | None:
        return _times_of(self._times[name]).latency()


def _rounded(us: int) -> int:
    spare = max(0, us.bit_length() - _DIGITS)
    return max(0, us) >> spare << spare


def _add(counter: Counter[int], times: Iterable[tuple[int, int]]) -> None:
    for us, count in times:
        counter[us] += count


def _times_of(counter: Counter[int]) -> Times:
    times = Times()
    for us, count in counter.items():
        for _ in range(count):
            times.add(us)
    return times
