"""Plots as SVG: pure functions from numbers to text, no scripts, colours from the page's style.

Latencies have a logarithmic axis, because a pause is a hundred times what is usual; the axis of
percentiles has one step for each nine, as HDR plots do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from loadtest.report.histograms import Curve
from loadtest.report.units import number, show

WIDTH: Final = 460
HEIGHT: Final = 270
LEFT, RIGHT, TOP, BOTTOM = 62, 30, 12, 42
INDENT: Final = 12
LETTER: Final = 7.8
"""Width of a letter of 13 px, for the places of the legend."""

ROW: Final = 18
"""Height of a row of the legend."""

MOST_POINTS: Final = 400
MOST_NINES: Final = 7


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: ``look`` is its class in the style (``a`` to ``d``, ``before``)."""

    name: str
    look: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to 0..1, and has marked values with their texts."""

    place: Callable[[float], float]
    marks: Sequence[tuple[float, str]]
    title: str
    unit: str = "ms"


def by_percentile(curves: Sequence[tuple[str, str, Curve]], title: str) -> str:
    """Plot how late each share of the deliveries was; ``curves`` are (name, look, curve)."""
    full = [(name, look, curve) for name, look, curve in curves if curve.points]
    nines = max((_nines_of(curve.count) for _, _, curve in full), default=1)
    lines = [
        Line(name, look, _thinned([(_nines(at, nines), ms) for at, ms in curve.points]))
        for name, look, curve in full
    ]
    marks = [(0.0, "0"), *((float(n), _percent(n)) for n in range(1, nines + 1))]
    across = Axis(lambda value: value / nines, marks, "percentile")
    return _plot(title, lines, across, _logarithmic(_all(lines), "delivered after"))


def over_time(lines: Sequence[Line], title: str, parts: Sequence[float] = ()) -> str:
    """Plot latencies in ms over seconds; ``parts`` are the seconds where rounds begin."""
    return _plot(title, lines, _seconds(lines), _logarithmic(_all(lines), "delivered after"), parts)


def rate_over_time(lines: Sequence[Line], title: str, parts: Sequence[float] = ()) -> str:
    """Plot deliveries a second over seconds, from zero."""
    highest = max((y for _, y in _all(lines)), default=1) or 1
    up = _linear(highest, "deliveries/s")
    return _plot(title, lines, _seconds(lines), up, parts)


def over_count(lines: Sequence[Line], title: str, what: str, unit: str) -> str:
    """Plot numbers of one unit over how many there were of something, both logarithmic."""
    return _plot(title, lines, _counts(lines, what), _logarithmic(_all(lines), "", unit))


def _plot(
    title: str, lines: Sequence[Line], across: Axis, up: Axis, parts: Sequence[float] = ()
) -> str:
    label = escape(f"{title}. {_told(lines, up.unit)}")
    legend, rows = _legend(lines)
    top, height = TOP + ROW * rows, HEIGHT + ROW * rows
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> str:
        return f"{LEFT + inner_w * min(1.0, max(0.0, across.place(value))):.1f}"

    def y(value: float) -> str:
        return f"{top + inner_h * (1 - min(1.0, max(0.0, up.place(value)))):.1f}"

    bottom = top + inner_h
    out = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">',
        f"<title>{label}</title>",
    ]
    for value, text in up.marks:
        out.append(f'<path class="grid" d="M{LEFT} {y(value)}H{WIDTH - RIGHT}"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(value)}" dy="4" class="end">{escape(text)}</text>')
    for value, text in across.marks:
        out.append(f'<path class="tick" d="M{x(value)} {bottom}v5"/>')
        out.append(f'<text x="{x(value)}" y="{bottom + 18}" class="mid">{escape(text)}</text>')
    out += [f'<path class="part" d="M{x(value)} {top}V{bottom}"/>' for value in parts]
    foot = f'<text x="{LEFT + inner_w / 2}" y="{height - 6}" class="mid soft">'
    out.append(f"{foot}{escape(across.title)}</text>")
    for line in lines:
        path = "L".join(f"{x(at)} {y(value)}" for at, value in line.points)
        if len(line.points) == 1:
            at, value = line.points[0]
            out.append(f'<circle class="{line.look}" cx="{x(at)}" cy="{y(value)}" r="3"/>')
        elif path:
            out.append(f'<path class="line {line.look}" d="M{path}"/>')
    return "".join([*out, *legend, "</svg>"])


def _legend(lines: Sequence[Line]) -> tuple[list[str], int]:
    """Return the legend and how many rows it takes."""
    out: list[str] = []
    left, row = INDENT, 0
    for line in lines:
        width = 36 + round(LETTER * len(line.name))
        if left > INDENT and left + width > WIDTH:
            left, row = INDENT, row + 1
        middle = 14 + ROW * row
        out.append(f'<path class="line {line.look}" d="M{left} {middle}h18"/>')
        out.append(f'<text x="{left + 23}" y="{middle + 4}">{escape(line.name)}</text>')
        left += width
    return out, row + 1


def _told(lines: Sequence[Line], unit: str) -> str:
    """Say in words what the lines show, for those who do not see them."""
    return "; ".join(
        f"{line.name} from {show(min(v for _, v in line.points), unit)} "
        f"to {show(max(v for _, v in line.points), unit)}"
        for line in lines
        if line.points
    )


def _all(lines: Sequence[Line]) -> list[tuple[float, float]]:
    return [point for line in lines for point in line.points]


def _nines(share: float, most: int) -> float:
    return float(most) if share >= 1 else min(most, -math.log10(1 - share))


def _nines_of(count: int) -> int:
    """So many nines that one delivery lies beyond the last: more of them say nothing."""
    return min(MOST_NINES, max(1, math.ceil(math.log10(max(count, 1)))))


def _percent(nines: int) -> str:
    return "90%" if nines == 1 else f"99{'.' if nines > 2 else ''}{'9' * (nines - 2)}%"


def _logarithmic(points: Sequence[tuple[float, float]], title: str, unit: str = "ms") -> Axis:
    values = [value for _, value in points if value > 0] or [1.0]
    # Steps that are round numbers in the unit; the log of a power is exact with these two.
    base = 4.0 if unit == "B" else 10.0
    log: Callable[[float], float] = (lambda v: math.log2(v) / 2) if unit == "B" else math.log10
    low = math.floor(log(min(values)))
    high = max(low + 1, math.ceil(log(max(values))))
    tens = range(low, high + 1)
    marks = [(base**n, show(base**n, unit)) for n in tens]
    if len(marks) < 4 and unit != "B":
        marks += [(k * 10.0**n, show(k * 10.0**n, unit)) for n in tens[:-1] for k in (2, 5)]
    span = high - low
    marks.sort()
    return Axis(lambda v: (log(v) - low) / span if v > 0 else 0.0, marks, title, unit)


def _linear(highest: float, title: str) -> Axis:
    step = _step(highest / 4)
    top = step * math.ceil(highest / step)
    marks = [(step * n, number(step * n)) for n in range(round(top / step) + 1)]
    return Axis(lambda value: value / top, marks, title, "/s")


def _counts(lines: Sequence[Line], title: str) -> Axis:
    """Mark the counts that were measured, on a logarithmic axis."""
    measured = sorted({at for at, _ in _all(lines)})
    low, high = math.log10(measured[0]), math.log10(measured[-1])
    span = (high - low) or 1.0
    return Axis(
        lambda value: (math.log10(value) - low) / span,
        [(value, number(value)) for value in measured],
        title,
        "",
    )


def _seconds(lines: Sequence[Line]) -> Axis:
    last = max((at for at, _ in _all(lines)), default=0) or 1
    step = max(1.0, _step(last / 6))
    marks = [(step * n, number(step * n)) for n in range(int(last / step) + 1)]
    return Axis(lambda value: value / last, marks, "seconds")


def _step(about: float) -> float:
    size = 10.0 ** math.floor(math.log10(about))
    return next(size * n for n in (1, 2, 5, 10) if size * n >= about)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points that would lie on one pixel; the first and the last always stay."""
    if len(points) <= MOST_POINTS:
        return list(points)
    gap = (points[-1][0] - points[0][0]) / MOST_POINTS
    kept = [points[0]]
    for point in points[1:-1]:
        if point[0] - kept[-1][0] >= gap or point[1] > 1.02 * kept[-1][1]:
            kept.append(point)
    return [*kept, points[-1]]
