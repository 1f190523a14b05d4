"""When messages are due: fixed before anything is sent, and kept however slow the system is.

An open loop, so that a system that stops for a second is measured with all the messages of that
second, as its people would have felt it ("coordinated omission" leaves them out).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator

from loadtest.clock import NS


def times_of(rate: float, rng: random.Random, *, poisson: bool) -> Iterator[int]:
    """Yield the times of one stream of ``rate`` a second, in nanoseconds from 0, without end.

    Even steps with a random beginning, or independent ones (a Poisson process).
    """
    step = NS / rate
    at = rng.random() * step
    while True:
        yield int(at)
        at += rng.expovariate(1.0) * step if poisson else step


def schedule(
    streams: int, rate: float, seconds: float, seed: int, *, poisson: bool = False
) -> Iterator[tuple[int, int]]:
    """Yield ``(due, stream)`` in order of time, nanoseconds from 0, before ``seconds``.

    ``rate`` is of each stream, a second. The same arguments give the same times.
    """
    if rate <= 0 or not streams:
        return
    end = int(seconds * NS)
    rngs = [random.Random(f"{seed}/{stream}") for stream in range(streams)]
    following = [times_of(rate, rng, poisson=poisson) for rng in rngs]
    queue = [(next(times), stream) for stream, times in enumerate(following)]
    heapq.heapify(queue)
    while queue[0][0] < end:
        due, stream = queue[0]
        yield due, stream
        heapq.heapreplace(queue, (next(following[stream]), stream))
