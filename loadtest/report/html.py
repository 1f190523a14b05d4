"""A run as one HTML file that needs no network and no script.

Jinja escapes every text; only the plots, which escape for themselves, go in as they are.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadtest.outcome import Run, Scenario
from loadtest.report import plots
from loadtest.report.compare import Comparison, differing
from loadtest.report.histograms import curve, percentiles
from loadtest.report.plots import Line
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

LOOKS: Final = ("a", "b", "c", "d")
MOST_CURVES: Final = len(LOOKS)
"""Lines of one plot that can still be told apart."""

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    run: Run,
    summaries: Sequence[Summary],
    verdicts: Sequence[Verdict],
    comparisons: Sequence[Comparison | None],
    other: Run | None,
) -> str:
    """Write the whole page; ``comparisons`` has one entry for each scenario, or none at all.

    Raises:
        BadRunError: a histogram of either run cannot be read.
    """
    likes = comparisons or [None] * len(summaries)
    return _TEMPLATES.get_template("page.html").render(
        css=Markup((Path(__file__).parent / "page.css").read_text()),  # noqa: S704  our own file
        run=run,
        command=shlex.join(run.command),
        latencies=LATENCIES,
        verdicts=verdicts,
        missed=sum(not verdict.met for verdict in verdicts),
        other=other,
        machine_differences=differing(run.machine, other.machine) if other else [],
        growths=[_growth(each) for each in growths(summaries)],
        scenarios=[_scenario(*pair) for pair in zip(summaries, likes, strict=True)],
    )


def _scenario(summary: Summary, comparison: Comparison | None) -> Mapping[str, Any]:
    scenario = summary.scenario
    before = comparison.before.scenario if comparison else None
    return {
        "name": _title(scenario),
        "settings": settings_of(scenario),
        "several": len(scenario.rounds) > 1,
        "times": [_timed(scenario, what, stats) for what, stats in times(summary).items()],
        "others": [_row(stat) for stat in others(summary)],
        "counts": [
            (LABELS.get(name, name), number(summary.stats[name].value))
            for name in COUNTS
            if name in summary.stats
        ],
        "errors": [(code, number(count)) for code, count in _errors(scenario).items()],
        "plots": _plots(scenario, before),
        "differences": comparison.differences if comparison else [],
        "pairs": _pairs(comparison) if comparison else [],
    }


def _title(scenario: Scenario) -> str:
    axis = scenario.axis
    return f"{scenario.name}, {axis} {scenario.settings[axis]}" if axis else scenario.name


def _growth(growth: Growth) -> Mapping[str, Any]:
    drawn = growth.plots()
    return {
        "name": growth.name,
        "settings": growth.settings,
        "axis": growth.axis,
        "places": [number(place) for place in growth.places],
        "rows": list(growth.rows()),
        "plots": [(caption, Markup(svg)) for caption, svg in drawn],  # noqa: S704  as below
    }


def _row(stat: Stat) -> tuple[str, str, str]:
    spread = f"{show(stat.least, stat.unit)} – {show(stat.most, stat.unit)}"
    return LABELS.get(stat.name, stat.name), show(stat.value, stat.unit), spread


def _timed(scenario: Scenario, what: str, stats: list[Stat]) -> Mapping[str, Any]:
    """Return the medians of the rounds, their spread, and the rounds' distributions as one."""
    kept = [each.more.get(what) if what else each.latency for each in scenario.rounds]
    whole = percentiles([latency for latency in kept if latency])
    return {
        "name": what or "delivery",
        "count": number(sum(latency.count for latency in kept if latency)),
        "medians": [show(stat.value, "ms") for stat in stats],
        "spreads": [f"{show(stat.least, 'ms')} – {show(stat.most, 'ms')}" for stat in stats],
        "whole": [show(value, "ms") for value in whole.values()],
    }


def _errors(scenario: Scenario) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in scenario.rounds:
        for code, count in each.errors.items():
            found[code] = found.get(code, 0) + count
    return found


def _pairs(comparison: Comparison) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            LABELS.get(name, name),
            show(pair.now.value, pair.now.unit),
            show(pair.before.value, pair.before.unit),
            "" if pair.ratio is None else f"{pair.ratio:.2f}",
            pair.word.replace("~", "within the rounds"),
        )
        for name, pair in comparison.pairs.items()
    ]


def _plots(scenario: Scenario, before: Scenario | None) -> list[tuple[str, Markup]]:
    """Return captions and plots."""
    name = scenario.name
    curves = [(what, look, curve(found)) for what, look, found in _distributions(scenario)]
    if before and (old := [each.latency for each in before.rounds if each.latency]):
        curves.append(("delivery before", "before", curve(old)))
    drawn: list[tuple[str, str]] = []
    if curves:
        caption = "Time by percentile, all rounds"
        drawn.append((caption, plots.by_percentile(curves, f"{name}: {caption.lower()}")))
    points, parts = _over_rounds(scenario)
    if points:
        old_points = _over_rounds(before)[0] if before else []
        lines = [
            Line("p50", "a", [(at, p50) for at, _, p50, _, _ in points]),
            Line("p99", "b", [(at, p99) for at, _, _, p99, _ in points]),
            Line("max", "c", [(at, most) for at, _, _, _, most in points]),
        ]
        counts = [Line("now" if old_points else "all", "a", [(p[0], p[1]) for p in points])]
        if old_points:
            lines.append(Line("p99 before", "before", [(p[0], p[3]) for p in old_points]))
            counts.append(Line("before", "before", [(p[0], p[1]) for p in old_points]))
        titles = ("Delivery over time", "Deliveries a second over time")
        drawn.append((titles[0], plots.over_time(lines, f"{name}: {titles[0].lower()}", parts)))
        drawn.append(
            (titles[1], plots.rate_over_time(counts, f"{name}: {titles[1].lower()}", parts))
        )
    return [(caption, Markup(svg)) for caption, svg in drawn]  # noqa: S704  plots escape texts


def _distributions(scenario: Scenario) -> list[tuple[str, str, list[Any]]]:
    whats = dict.fromkeys(["", *(what for each in scenario.rounds for what in each.more)])
    found = {
        what: [
            latency
            for each in scenario.rounds
            if (latency := each.more.get(what) if what else each.latency) and latency.count
        ]
        for what in whats
    }
    named = [(what or "delivery", kept) for what, kept in found.items() if kept]
    return [(what, look, kept) for (what, kept), look in zip(named, LOOKS, strict=False)]


def _over_rounds(
    scenario: Scenario,
) -> tuple[list[tuple[float, float, float, float, float]], list[float]]:
    """Lay the rounds one after another: (second, deliveries, p50, p99, max), and their begins."""
    points: list[tuple[float, float, float, float, float]] = []
    begins: list[float] = []
    begin = 0.0
    for each in scenario.rounds:
        begins.append(begin)
        points += [(begin + p.at, p.count, p.p50, p.p99, p.max) for p in each.series]
        begin = max([begin + each.seconds, *(begin + p.at + 1 for p in each.series)])
    return points, begins[1:]
