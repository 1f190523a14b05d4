"""Two runs side by side: the same scenario with the same settings, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.outcome import Run, Scenario
from loadtest.report.summary import Stat, Summary, summarize

REPEAT: Final = 1.25
"""Two single rounds of the same thing may differ by so much on a machine that does other things."""

NO_NEWS: Final = ("expected", "received")
"""What was asked for, which is no outcome."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A number in both runs. ``ratio`` is now / before, ``None`` when before it was 0."""

    now: Stat
    before: Stat

    @property
    def ratio(self) -> float | None:
        return self.now.value / self.before.value if self.before.value else None

    @property
    def apart(self) -> bool:
        """Whether every round of one run lies beyond every round of the other.

        Where a run has only one, the other has to differ by more than rounds usually do.
        """
        slack = 1.0 if min(self.now.rounds, self.before.rounds) > 1 else REPEAT
        more = self.now.least > self.before.most * slack
        return more or self.now.most * slack < self.before.least

    @property
    def word(self) -> str:
        """The trend, or ``~`` where the two differ by no more than rounds do."""
        differs = self.now.better and self.now.value != self.before.value
        return self.trend or ("~" if differs else "")

    @property
    def trend(self) -> str:
        """``better``, ``worse``, or nothing: the same, or neither is better."""
        if not self.now.better or not self.apart:
            return ""
        return (
            "better" if (self.now.value > self.before.value) == (self.now.better > 0) else "worse"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A scenario and its like in another run, which had ``differences`` in its settings."""

    now: Summary
    before: Summary
    pairs: dict[str, Pair]
    differences: list[str]


def compare(run: Run, other: Run) -> list[Comparison | None]:
    """Find for each scenario its like in ``other``: the same settings first, then the same name.

    No scenario of ``other`` is taken twice; ``None`` where there is no like.
    """
    left = list(other.scenarios)
    found: dict[int, Scenario] = {}
    for alike in (_same, _same_name):
        for index, scenario in enumerate(run.scenarios):
            match = next((each for each in left if alike(scenario, each)), None)
            if index not in found and match is not None:
                found[index] = match
                left = [each for each in left if each is not match]
    return [
        _compared(scenario, found[index]) if index in found else None
        for index, scenario in enumerate(run.scenarios)
    ]


def differing(now: dict[str, str], before: dict[str, str]) -> list[str]:
    """Say which entries of two tables differ, e.g. settings or machine facts."""
    names = dict.fromkeys([*now, *before])
    return [
        f"{name}: {now.get(name, 'not given')}, before {before.get(name, 'not given')}"
        for name in names
        if now.get(name) != before.get(name)
    ]


def unlike(comparisons: Sequence[Comparison | None], run: Run) -> list[str]:
    """Name the scenarios that the other run has not."""
    return [s.name for s, c in zip(run.scenarios, comparisons, strict=True) if c is None]


def _compared(now: Scenario, before: Scenario) -> Comparison:
    mine, theirs = summarize(now), summarize(before)
    pairs = {
        name: Pair(stat, theirs.stats[name])
        for name, stat in mine.stats.items()
        if name in theirs.stats and theirs.stats[name].unit == stat.unit and name not in NO_NEWS
    }
    return Comparison(mine, theirs, pairs, differing(_written(now), _written(before)))


def _written(scenario: Scenario) -> dict[str, str]:
    return {name: str(value) for name, value in scenario.settings.items()}


def _same(now: Scenario, before: Scenario) -> bool:
    return now.name == before.name and now.settings == before.settings


def _same_name(now: Scenario, before: Scenario) -> bool:
    return now.name == before.name
