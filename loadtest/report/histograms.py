"""Distributions of several rounds as one, from the HDR histograms that a run keeps."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from loadtest.outcome import BadRunError, Latency
from loadtest.times import DIGITS, HIGHEST_US, LOWEST_US

PERCENTILES: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
_UNREADABLE = (
    binascii.Error,
    struct.error,
    zlib.error,
    HdrCookieException,
    HdrLengthException,
    IndexError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Curve:
    """How late the share ``at`` of the deliveries was at most: points of (share, ms), rising."""

    points: tuple[tuple[float, float], ...]
    count: int


def merged(latencies: Iterable[Latency]) -> HdrHistogram:
    """Add up the histograms of several rounds.

    Raises:
        BadRunError: one of them is not an HDR histogram.
    """
    whole = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for latency in latencies:
        try:
            whole.decode_and_add(latency.histogram)
        except _UNREADABLE as problem:
            raise BadRunError(f"a latency has an unreadable histogram: {problem}") from None
    return whole


def percentiles(latencies: Iterable[Latency]) -> dict[str, float]:
    """Return p50 to max of all rounds together, in milliseconds; nothing when nothing came."""
    every = list(latencies)
    whole = merged(every)
    if not whole.get_total_count():
        return {}
    most = max(latency.max for latency in every)
    values = {
        name: min(most, whole.get_value_at_percentile(percent) / 1000)
        for name, percent in PERCENTILES.items()
    }
    return {**values, "max": most}


def curve(latencies: Iterable[Latency]) -> Curve:
    """Return the whole distribution of all rounds together, one point for each value in it."""
    whole = merged(latencies)
    total: int = whole.get_total_count()
    points: list[tuple[float, float]] = []
    counted = 0
    for item in whole.get_recorded_iterator():
        counted += item.count_at_value_iterated_to
        points.append((counted / total, item.value_iterated_to / 1000))
    return Curve(tuple(points), total)
