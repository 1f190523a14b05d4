"""What talk costs: CPU of each part for a message and a delivery, without what it burns idle."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Mapping
from typing import Final

from loadtest.clock import NS, now_ns
from loadtest.options import Stand
from loadtest.outcome import Figure, Round
from loadtest.processes import spent

IDLE_S: Final = 3.0
PARTS: Final = ("server", "redis", "writer", "postgres")

_SETTLED_S: Final = 1.0
"""Watermarks, presence and acknowledgements of what just happened are over by then."""


async def idle(stand: Stand, seconds: float = IDLE_S) -> dict[str, float]:
    """Return the CPU seconds that each part takes a second while nobody does anything."""
    gc.collect()
    await _quiet(stand, _SETTLED_S)
    processes = stand.site.processes
    processes.look()
    before, began = processes.cpu(), now_ns()
    await _quiet(stand, seconds)
    after, took = processes.cpu(), (now_ns() - began) / NS
    return {part: cpu / took for part, cpu in spent(before, after).items()}


def idle_figures(idle: Mapping[str, float]) -> dict[str, Figure]:
    """Return the milliseconds of CPU in an idle second, by part."""
    return {f"idle_ms.{part}": Figure(idle[part] * 1e3, "ms") for part in PARTS if part in idle}


def costs(measured: Round, idle: Mapping[str, float]) -> dict[str, Figure]:
    """Return us of CPU that a message took in each part, and a delivery in the server.

    ``idle`` is what the parts take a second anyhow. Nothing is returned where nothing was said.
    """
    told = measured.more.get("acknowledged")
    if told is None or not told.count or not measured.received:
        return {}
    net = {
        part: max(0.0, measured.cpu[part] - idle.get(part, 0.0) * measured.seconds)
        for part in PARTS
        if part in measured.cpu
    }
    figures = {f"message_us.{part}": Figure(s / told.count * 1e6, "us") for part, s in net.items()}
    if "server" in net:
        figures["delivery_us"] = Figure(net["server"] / measured.received * 1e6, "us")
    return figures


async def _quiet(stand: Stand, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stand.stop.wait(), seconds)
