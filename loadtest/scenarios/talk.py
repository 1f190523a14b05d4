"""What big and small rooms have in common: rounds of talk at one rate, or the highest rate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
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

LEAST_MESSAGES: Final = 5
"""A rate with fewer in a round tells nothing."""


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
    """Return the round of the highest rate that was kept; the last one, when none was."""
    rooms = stand.options.rooms
    rounds: dict[float, Round] = {}

    async def kept(rate: float) -> bool:
        said = f"{title} at {rate * rooms:g} msg/s"
        found = rounds[rate] = await listen(stand, crowd, said, rate=rate)
        held = _held(found, limit)
        late = f"p99 {found.latency.p99:.1f} ms" if found.latency else "nothing came"
        stand.progress.say(f"{said}: {'kept' if held else 'not kept'}, {late}")
        return held and not stand.stop.is_set()

    least = LEAST_MESSAGES / rooms / stand.options.seconds
    highest = await search(stand.options.rate, least, kept, stand.stop.is_set)
    figures = {NAME_MAX: Figure(highest * rooms, "msg/s")}
    if not highest:
        return dataclasses.replace(list(rounds.values())[-1], figures=figures)
    best = rounds[highest]
    figures["highest deliveries"] = Figure(best.received / best.seconds, "1/s")
    return dataclasses.replace(best, figures=figures)


async def search(
    rate: float,
    least: float,
    kept: Callable[[float], Awaitable[bool]],
    stopped: Callable[[], bool] = lambda: False,
) -> float:
    """Return the highest rate that is kept, to a tenth; 0 when none of ``least`` and more is.

    Doubles while rates are kept, halves while none is, then halves what is between.
    """
    low, high = 0.0, math.inf
    while rate >= least and high > low * NEAR and not stopped():
        if await kept(rate):
            low = rate
        else:
            high = rate
        rate = rate * 2 if high == math.inf else (low + high) / 2
    return low


def _held(measured: Round, limit: Limit) -> bool:
    refused = sum(measured.errors.values())
    return (
        limit.holds(measured.latency)
        and measured.received >= ENOUGH * measured.expected
        and refused * 1000 <= measured.expected
    )
