"""Rule **R**: how fast messages are acknowledged again after a fault, from ledgers alone.

The baseline is the p99 of the time from saying a message to its acknowledgement, over what
was said before the fault. R(n) holds when from some moment, at most n seconds after the fault
ended, to the end of the run the p99 is at most twice the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tests.scenarios.ledger import Ledger

FLOOR_S = 0.25
"""Noise of a busy machine: a p99 below it is never too slow, however fast the baseline was."""

LEAST = 30
"""Fewer messages say nothing about a p99."""


def waits(
    ledgers: Iterable[Ledger], since: float = -math.inf, until: float = math.inf
) -> list[tuple[float, float]]:
    """List when each message was said, in ``[since, until)``, and how long its answer took.

    A message without an answer took for ever, unless it was refused or its sender is gone.
    """
    found = [
        (sent.at, math.inf if sent.acknowledged_at is None else sent.acknowledged_at - sent.at)
        for ledger in ledgers
        for sent in ledger.sent.values()
        if since <= sent.at < until
        and (sent.acknowledged_at is not None or (ledger.alive and sent.refused is None))
    ]
    return sorted(found)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that ``share`` of all are not above; 0 of no values."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else 0.0


def baseline(ledgers: Iterable[Ledger], began: float) -> float:
    """Return the p99 of the messages that were said before ``began``, in seconds."""
    return percentile((wait for _, wait in waits(ledgers, until=began)), 0.99)


def recovered_after(
    ledgers: Sequence[Ledger], *, began: float, ended: float, floor_s: float = FLOOR_S
) -> float:
    """Return the seconds from the end of a fault until the pace was back for good.

    ``began`` and ``ended`` are the fault's, in monotonic seconds. ``inf`` when it never was.
    """
    limit = max(2 * baseline(ledgers, began), floor_s)
    said = waits(ledgers, since=ended)
    slow = 0
    best = math.inf
    # From the end: the longest stretch up to the last message whose p99 keeps the limit.
    for count, (at, wait) in enumerate(reversed(said), 1):
        slow += wait > limit
        if count >= LEAST and slow <= count // 100:
            best = at - ended
    return best if not said or best > said[0][0] - ended else 0.0


def judge_recovery(
    ledgers: Sequence[Ledger],
    *,
    began: float,
    ended: float,
    within_s: float,
    floor_s: float = FLOOR_S,
) -> list[str]:
    """Return the problems of R(``within_s``) in words; an empty list is an acquittal."""
    before, after = len(waits(ledgers, until=began)), len(waits(ledgers, since=ended))
    if min(before, after) < LEAST:
        return [f"R: {before} messages before the fault and {after} after it tell nothing"]
    took = recovered_after(ledgers, began=began, ended=ended, floor_s=floor_s)
    if took <= within_s:
        return []
    usual = baseline(ledgers, began)
    late = percentile((wait for _, wait in waits(ledgers, since=ended + within_s)), 0.99)
    slow = f"R: {within_s:g} s after the fault the p99 is {late:.3f} s, before it was {usual:.3f} s"
    return [f"{slow}; it was back after {took:.2f} s"]
