"""Thresholds: ``big-room:p99<=50ms``, or without a scenario for all that have such a number.

``loss``, ``duplicate`` and ``out_of_order`` have to be 0 unless a threshold says otherwise; one in
percent is a share of what was expected. Everything else is judged by the median of the rounds.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.report.summary import COUNTS, LATENCIES, Stat, Summary
from loadtest.report.units import UnitError, read, show

_OTHER_PERCENTILES: Final = tuple(f" {name}" for name in LATENCIES if name != "p99")
ALWAYS: Final = ("loss", "duplicate", "out_of_order")
_FORM = re.compile(r"(?:([a-z][a-z0-9-]*):)?\s*([^<>=:]+?)\s*(<=|>=|<|>)\s*(.+)")
_COMPARES: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_WANTED: Final = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}


class ThresholdError(ValueError):
    """A threshold cannot be read; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit for a number of one scenario, or of all when ``scenario`` is empty."""

    scenario: str
    name: str
    compare: str
    limit: str

    def __str__(self) -> str:
        where = f"{self.scenario}:" if self.scenario else ""
        return f"{where}{self.name}{self.compare}{self.limit}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a threshold in one scenario: a sentence, and whether it is met."""

    threshold: Threshold
    scenario: str
    met: bool
    sentence: str


def parse(text: str, scenarios: Collection[str] = ()) -> Threshold:
    """Read a threshold of the command line; ``scenarios`` are those that there are, if known.

    Raises:
        ThresholdError: it has not the form, names no scenario of these, or its limit is no number.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ThresholdError(
            f"{text!r} is no threshold; write NAME<=LIMIT or SCENARIO:NAME<=LIMIT, "
            "for example big-room:p99<=50ms"
        )
    scenario = found[1] or ""
    if scenario and scenarios and scenario not in scenarios:
        raise ThresholdError(f"{text!r}: no scenario {scenario!r}; there are {_listed(scenarios)}")
    if not found[4][0].isdigit():
        raise ThresholdError(f"{text!r}: {found[4]!r} is not a number with a unit")
    return Threshold(scenario, found[2], found[3], found[4].strip())


def judge(summaries: Sequence[Summary], thresholds: Sequence[Threshold]) -> list[Verdict]:
    """Judge every threshold, and those that always hold, in the order of the scenarios."""
    verdicts = [
        verdict
        for summary in summaries
        for threshold in (*_unsaid(summary, thresholds), *thresholds)
        if (verdict := _judged(summary, threshold)) is not None
    ]
    judged = {verdict.threshold for verdict in verdicts}
    verdicts += [_unmeasured(each, summaries) for each in thresholds if each not in judged]
    return verdicts


def missed(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the sentences of thresholds that were missed."""
    return [verdict.sentence for verdict in verdicts if not verdict.met]


def _unsaid(summary: Summary, thresholds: Sequence[Threshold]) -> Iterator[Threshold]:
    said = {each.name for each in thresholds if each.scenario in {"", summary.scenario.name}}
    yield from (Threshold("", name, "<=", "0") for name in ALWAYS if name not in said)


def _judged(summary: Summary, threshold: Threshold) -> Verdict | None:
    scenario = summary.scenario.name
    stat = summary.stats.get(threshold.name)
    if threshold.scenario not in {"", scenario} or stat is None:
        return None
    try:
        value, unit, limit = _sides(summary, stat, threshold.limit)
    except UnitError as problem:
        return Verdict(threshold, scenario, met=False, sentence=f"{threshold}: {problem}")
    met = _COMPARES[threshold.compare](value, limit)
    wanted = f"{_WANTED[threshold.compare]} {show(limit, unit)}"
    sentence = f"{scenario}: {threshold.name} is {show(value, unit)}, wanted {wanted}"
    return Verdict(threshold, scenario, met, sentence)


def _sides(summary: Summary, stat: Stat, limit: str) -> tuple[float, str, float]:
    if limit.endswith("%") and stat.name in COUNTS:
        expected = summary.value("expected") or 1
        return 100 * stat.value / expected, "%", read(limit, "%")
    return stat.value, stat.unit, read(limit, stat.unit)


def _unmeasured(threshold: Threshold, summaries: Sequence[Summary]) -> Verdict:
    """A limit for something that nobody measured is missed: it must not pass unseen."""
    asked = [each for each in summaries if threshold.scenario in {"", each.scenario.name}]
    names = dict.fromkeys(
        name for each in asked for name in each.stats if not name.endswith(_OTHER_PERCENTILES)
    )
    known = f"there are {_listed(names)}" if names else "nothing of that scenario was measured"
    sentence = f"{threshold}: {threshold.name!r} was not measured; {known}"
    return Verdict(threshold, threshold.scenario, met=False, sentence=sentence)


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
