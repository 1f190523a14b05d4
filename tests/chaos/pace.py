"""Rule **R** while a run goes on: is the pace of the acknowledgements back, and since when."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from tests.scenarios.ledger import Ledger
from tests.scenarios.recovery import FLOOR_S, LEAST, percentile

WINDOW_S = 3.0
"""Messages said in so long a time make one p99."""


def limit_of(usual_p99_s: float) -> float:
    """Return the p99 that counts as back: twice the usual one, or what a busy machine makes."""
    return max(2 * usual_p99_s, FLOOR_S)


def waits(ledgers: Iterable[Ledger], since: float, until: float) -> list[float]:
    """List how long the messages said in a time waited for their answer; ``inf``: they still do.

    Only the end of each ledger is read, so this is cheap however long a run is.
    """
    found = []
    for ledger in ledgers:
        if not ledger.alive:
            continue
        for sent in reversed(ledger.sent.values()):
            if sent.at < since:
                break
            if sent.at < until and sent.refused is None:
                taken = sent.acknowledged_at
                found.append(math.inf if taken is None else taken - sent.at)
    return found


def unsaved(ledgers: Iterable[Ledger], since: float, until: float) -> int:
    """Count what living people said in a time and do not know to be saved."""
    return sum(
        sent.saved_at is None and sent.refused is None and sent.at < until
        for ledger in ledgers
        if ledger.alive
        for sent in itertools.takewhile(
            lambda sent: sent.at >= since, reversed(ledger.sent.values())
        )
    )


def back_since(
    ledgers: Iterable[Ledger], healed: float, now: float, limit_s: float
) -> float | None:
    """Return the seconds after ``healed`` from which the pace is back, or None: not yet.

    The newest window is looked at whose messages had the time of the limit for their answers.
    """
    until = now - limit_s
    since = until - WINDOW_S
    if since < healed:
        return None
    found = waits(ledgers, since, until)
    if len(found) < LEAST or percentile(found, 0.99) > limit_s:
        return None
    return since - healed
