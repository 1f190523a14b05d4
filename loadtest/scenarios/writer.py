"""How fast full drains are saved, beside the bare INSERT of the same rows; then, how soon."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator

from loadtest.accounts import OwnSite
from loadtest.measuring import Figures, gather, listen, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.report.summary import TIMES
from loadtest.system import System
from loadtest.writer_cost import Bench, Pace, open_bench


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    stand.progress.now("starting Beseda")
    async with System(stand.folder) as system, open_bench(system) as bench:
        here = dataclasses.replace(stand, site=OwnSite(system))
        crowd, before = await gather(here)
        try:
            for number in range(1, stand.options.rounds + 1):
                title = title_of("writer", number, stand.options.rounds)
                figures = await _drained(here, bench, title)
                if stand.stop.is_set():
                    return
                # Looked for again: the writer is another process in each round.
                here = dataclasses.replace(stand, site=OwnSite(system))
                measured = await listen(here, crowd, title)
                figures.update(measured.figures)
                yield dataclasses.replace(with_memory(measured, before), figures=figures)
        finally:
            await crowd.leave()


async def _drained(stand: Stand, bench: Bench, title: str) -> Figures:
    options, progress = stand.options, stand.progress
    progress.now(f"{title}: {options.messages} messages are posted")
    await bench.fill(options.messages, options.size)
    progress.now(f"{title}: the bare INSERT")
    bare = await bench.insert()
    progress.now(f"{title}: the writer")
    return figures_of(await bench.drain(), bare)


def figures_of(ours: Pace, bare: Pace) -> Figures:
    """Set the writer beside the bare INSERT."""
    cpu = ours.cpu_us("writer", "postgres"), bare.cpu_us("loadtest", "postgres")
    return {
        "saved rows": Figure(ours.rate, "1/s"),
        "bare rows": Figure(bare.rate, "1/s"),
        "ratio.time": Figure(bare.rate / ours.rate, TIMES),
        "cpu_us.saved": Figure(cpu[0], "us"),
        "cpu_us.writer": Figure(ours.cpu_us("writer"), "us"),
        "cpu_us.redis": Figure(ours.cpu_us("redis"), "us"),
        "cpu_us.bare": Figure(cpu[1], "us"),
        "ratio.cpu": Figure(cpu[0] / cpu[1], TIMES),
    }


QUESTION = Question(
    name="writer",
    says="full drains are saved, beside the bare INSERT of the same rows; and when is talk saved?",
    defaults={
        "messages": 50_000,
        "members": 1,
        "rooms": 50,
        "rate": 10.0,
        "seconds": 6.0,
        "rounds": 2,
    },
    short={},
    measure=measure,
    alone=True,
)
