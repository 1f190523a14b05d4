"""What big and small rooms have in common: rounds of talk at one rate, or the highest rate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncGenerator
from typing import Final

from loadtest.crowd import Crowd
from loadtest.measuring import gather, listen, title_of, with_memory
from loadtest.options import Limit, Stand
from loadtest.outcome import Figure, Round

NAME_MAX: Final = "highest rate"
ENOUGH: Final = 0.999
"""The share of deliveries that have to come for a rate to count as kept."""

NEAR: Final = 1.1
"""A rate that was kept and one that was not, this near to each other, end the search."""

_STEPS: Final = 20


async def talk(stand: Stand, name: str) -> AsyncGenerator[Round, None]:
    """Measure so many rounds with one crowd."""
    options = stand.options
    crowd, before = await gather(stand)
    try:
        for number in range(1, options.rounds + 1):
            if stand.stop.is_set():
                return
            title = title_of(name, number, options.rounds)
            if options.find_max is None:
                measured = await listen(stand, crowd, title)
            else:
                measured = await _highest(stand, crowd, title, options.find_max)
            yield with_memory(measured, before)
    finally:
        await crowd.leave()


async def _highest(stand: Stand, crowd: Crowd, title: str, limit: Limit) -> Round:
    """Double the rate while it is kept, then halve what is left; return the highest's round."""
    rooms = stand.options.rooms
    rate, low, high = stand.options.rate, 0.0, math.inf
    best: Round | None = None
    for _ in range(_STEPS):
        said = f"{title} at {rate * rooms:g} msg/s"
        measured = await listen(stand, crowd, said, rate=rate)
        if stand.stop.is_set():
            break
        held = _held(measured, limit)
        late = f"p99 {measured.latency.p99:.1f} ms" if measured.latency else "nothing came"
        stand.progress.say(f"{said}: {'kept' if held else 'not kept'}, {late}")
        if held:
            low, best = rate, measured
        else:
            high = rate
        if high <= low * NEAR:
            break
        rate = rate * 2 if high == math.inf else (low + high) / 2
    highest = {NAME_MAX: Figure(low * rooms, "msg/s")}
    if best is None:  # nothing was kept: show the last try
        return dataclasses.replace(measured, figures=highest)
    highest["highest deliveries"] = Figure(best.received / best.seconds, "1/s")
    return dataclasses.replace(best, figures=highest)


def _held(measured: Round, limit: Limit) -> bool:
    refused = sum(measured.errors.values())
    return (
        limit.holds(measured.latency)
        and measured.received >= ENOUGH * measured.expected
        and refused * 1000 <= measured.expected
    )
