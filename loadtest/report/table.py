"""A run as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from loadtest.report.compare import Comparison
from loadtest.report.scaling import Growth, growths
from loadtest.report.summary import (
    COUNTS,
    LABELS,
    LATENCIES,
    Stat,
    Summary,
    others,
    settings_of,
    times,
)
from loadtest.report.thresholds import Verdict
from loadtest.report.units import number, show

NAME: Final = 30
CELL: Final = 12


def text(summaries: Sequence[Summary], verdicts: Sequence[Verdict]) -> str:
    """Write each scenario and each axis as a block, then the thresholds that are of interest."""
    alone = [summary for summary in summaries if not summary.scenario.axis]
    lines = [line for summary in alone for line in _scenario(summary)]
    lines += [line for growth in growths(summaries) for line in _growth(growth)]
    told = [each for each in verdicts if not each.met or each.threshold.limit != "0"]
    lines += [f"{'ok    ' if each.met else 'MISSED'} {each.sentence}" for each in told]
    return "\n".join(lines)


def compared(comparisons: Sequence[Comparison | None], at: str, missing: Sequence[str]) -> str:
    """Write each number of both runs with their ratio; ``~`` where they are hardly apart."""
    lines = [f"Against the run of {at}: now / before"]
    for comparison in comparisons:
        if comparison is not None:
            lines += ["", *_comparison(comparison)]
    lines += [f"{name}: nothing like it in that run" for name in missing]
    return "\n".join(lines)


def _scenario(summary: Summary) -> Iterator[str]:
    scenario = summary.scenario
    yield f"{scenario.name}: {settings_of(scenario)}"
    several = len(scenario.rounds) > 1
    timed = times(summary)
    if timed:
        yield _row("", LATENCIES)
    for what, stats in timed.items():
        yield _row(what or "delivery", [show(stat.value, stat.unit) for stat in stats])
        if several and not what:
            yield _row("  least", [show(stat.least, stat.unit) for stat in stats])
            yield _row("  most", [show(stat.most, stat.unit) for stat in stats])
    for stat in others(summary):
        spread = _spread(stat) if several else ""
        yield f"  {LABELS.get(stat.name, stat.name):{NAME}}{show(stat.value, stat.unit)}{spread}"
    counts = [summary.stats[name] for name in COUNTS if name in summary.stats]
    yield "  " + ", ".join(f"{LABELS.get(c.name, c.name)} {number(c.value)}" for c in counts)
    errors: dict[str, int] = {}
    for each in scenario.rounds:
        for code, count in each.errors.items():
            errors[code] = errors.get(code, 0) + count
    if errors:
        told = ", ".join(f"{code} {count}" for code, count in errors.items())
        yield f"  errors by code: {told}"
    yield ""


def _growth(growth: Growth) -> Iterator[str]:
    yield f"{growth.name}: {growth.settings}"
    yield _row(growth.axis, [number(place) for place in growth.places])
    yield from (_row(label, cells) for label, cells in growth.rows())
    errors: dict[str, int] = {}
    for point in growth.points:
        for each in point.scenario.rounds:
            for code, count in each.errors.items():
                errors[code] = errors.get(code, 0) + count
    if errors:
        yield "  errors by code: " + ", ".join(f"{code} {n}" for code, n in errors.items())
    yield ""


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield f"{comparison.now.scenario.name}"
    yield from (f"  other settings: {difference}" for difference in comparison.differences)
    yield _row("", ["now", "before", "ratio"])
    for name, pair in comparison.pairs.items():
        ratio = "" if pair.ratio is None else f"{pair.ratio:.2f}"
        sides = [show(side.value, side.unit) for side in (pair.now, pair.before)]
        yield f"{_row(LABELS.get(name, name), [*sides, ratio])}  {pair.word}".rstrip()


def _row(name: str, cells: Sequence[str]) -> str:
    return f"  {name:{NAME}}" + "".join(f"{cell:>{CELL}}" for cell in cells)


def _spread(stat: Stat) -> str:
    return f"   ({show(stat.least, stat.unit)} .. {show(stat.most, stat.unit)})"
