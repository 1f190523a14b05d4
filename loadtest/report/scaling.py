"""Scenarios that are points of an axis, as one table and as plots over it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.report import plots
from loadtest.report.plots import Line
from loadtest.report.summary import COUNTS, LABELS, Summary, others, times
from loadtest.report.units import number, show

TIMES_SHOWN: Final = ("p50", "p99")

PLOTS: Final = (
    (
        "CPU",
        "us",
        {
            "delivery_us": "a delivery, server",
            "message_us.server": "a message, server",
            "message_us.redis": "a message, Redis",
            "message_us.writer": "a message, writer",
        },
    ),
    (
        "Times, p99",
        "ms",
        {
            "p99": "delivery",
            "saved p99": "saved",
            "enter p99": "enter",
            "hydrate p99": "hydrate",
        },
    ),
    (
        "CPU of a second in which nobody does anything",
        "ms",
        {
            "idle_ms.server": "server",
            "idle_ms.redis": "Redis",
            "idle_ms.writer": "writer",
            "idle_ms.postgres": "PostgreSQL",
        },
    ),
    (
        "Memory",
        "B",
        {
            "memory_per_connection": "connection, server",
            "room_bytes.redis": "idle room, Redis",
            "room_bytes.server": "hosted room, server",
            "message_bytes.redis": "message, Redis",
        },
    ),
)
"""Caption, unit, and the numbers of each plot by name, each with its name in the legend."""

LOOKS: Final = ("a", "b", "c", "d")


@dataclass(frozen=True, slots=True)
class Growth:
    """The points of one axis, in the order in which they were measured."""

    points: Sequence[Summary]

    @property
    def name(self) -> str:
        """The name of the scenario."""
        return self.points[0].scenario.name

    @property
    def axis(self) -> str:
        """The setting that grows."""
        return self.points[0].scenario.axis

    @property
    def places(self) -> list[float]:
        """The values of that setting."""
        return [float(point.scenario.settings[self.axis]) for point in self.points]

    @property
    def settings(self) -> str:
        """Write what all points have in common, in one line."""
        first = self.points[0].scenario.settings
        return ", ".join(
            f"{name} {value}"
            for name, value in first.items()
            if all(point.scenario.settings.get(name) == value for point in self.points)
        )

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield a label, and a text for each point: "" where that number is not known there."""
        for name, label in self._names().items():
            cells = []
            for point in self.points:
                stat = point.stats.get(name)
                cells.append(show(stat.value, stat.unit) if stat else "")
            yield label, cells
        for name in COUNTS:
            values = [point.value(name) for point in self.points]
            if name in {"expected", "received"} or any(values):
                told = ["" if value is None else number(value) for value in values]
                yield LABELS.get(name, name), told

    def plots(self) -> list[tuple[str, str]]:
        """Return captions and plots as SVG."""
        drawn = []
        for caption, unit, wanted in PLOTS:
            lines = [
                Line(legend, look, points)
                for (name, legend), look in zip(wanted.items(), LOOKS, strict=True)
                if (points := self._points(name))
            ]
            if lines:
                title = f"{self.name}: {caption}"
                drawn.append((caption, plots.over_count(lines, title, self.axis, unit)))
        return drawn

    def _names(self) -> dict[str, str]:
        """Return the labels of all numbers by their names, times first."""
        found: dict[str, str] = {}
        for point in self.points:
            for what in times(point):
                for each in TIMES_SHOWN:
                    name = f"{what} {each}".strip()
                    found[name] = f"{what or 'delivery'} {each}"
        for point in self.points:
            for stat in others(point):
                found[stat.name] = LABELS.get(stat.name, stat.name)
        return found

    def _points(self, name: str) -> list[tuple[float, float]]:
        values = [point.value(name) for point in self.points]
        return [
            (at, value)
            for at, value in zip(self.places, values, strict=True)
            if value is not None and value > 0
        ]


def growths(summaries: Sequence[Summary]) -> list[Growth]:
    """Take the points of each axis together, in the order of the axes."""

    def key(summary: Summary) -> tuple[str, str]:
        return summary.scenario.name, summary.scenario.axis

    pointed = [summary for summary in summaries if summary.scenario.axis]
    return [Growth(list(points)) for _, points in itertools.groupby(pointed, key)]
