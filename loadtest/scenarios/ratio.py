"""Against a bare write loop in the same run: what does everything beside delivering cost?

The load, the meter and the minute are the same for both, so the ratio holds on a machine on
which neither number would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Final

from loadtest.accounts import OwnSite, Site
from loadtest.measuring import gather, listen, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.reference import Reference
from loadtest.report.summary import TIMES
from loadtest.system import System

OURS: Final = "beseda"
BARE: Final = "bare"
JOINED: Final = "bare-joined"
PREFIXES: Final = {BARE: "ratio", JOINED: "ratio.joined"}


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    stand.progress.now("starting Beseda and two bare write loops")
    async with (
        System(stand.folder) as system,
        Reference(stand.folder) as bare,
        Reference(stand.folder, joined=True) as joined,
        aclosing(alternate(stand, OwnSite(system), {BARE: bare, JOINED: joined})) as rounds,
    ):
        async for measured in rounds:
            yield measured


async def alternate(
    stand: Stand, ours: Site, theirs: Mapping[str, Site]
) -> AsyncGenerator[Round, None]:
    """Measure everybody once in each round, with the same numbers."""
    sites = {**theirs, OURS: ours}
    stands = {name: dataclasses.replace(stand, site=site) for name, site in sites.items()}
    async with AsyncExitStack() as stack:
        crowds, memory = {}, {}
        for name, each in stands.items():
            crowds[name], memory[name] = await gather(each)
            stack.push_async_callback(crowds[name].leave)
        for number in range(1, stand.options.rounds + 1):
            found: dict[str, Round] = {}
            # To and fro: what warms up or wears out in a run then favours nobody.
            for name in list(stands)[:: 1 if number % 2 else -1]:
                if stand.stop.is_set():
                    return
                title = title_of(f"ratio, {name}", number, stand.options.rounds)
                found[name] = await listen(stands[name], crowds[name], title)
            yield with_memory(together(found), memory[OURS])


def together(found: Mapping[str, Round]) -> Round:
    """Return our round, with the others' numbers and the ratios to them."""
    ours = found[OURS]
    figures, more, errors = dict(ours.figures), dict(ours.more), dict(ours.errors)
    for name, theirs in found.items():
        if name == OURS:
            continue
        if theirs.latency is not None:
            more[name] = theirs.latency
        if lost := theirs.expected - theirs.received:
            errors[f"{name}: lost"] = lost
        for what, (our, their) in compared(ours, theirs).items():
            if what == "server_cpu":
                figures[f"server_cpu_us.{name}"] = Figure(their, "us")
            figures[f"{PREFIXES[name]}.{what}"] = Figure(our / their, TIMES)
    return dataclasses.replace(ours, figures=figures, more=more, errors=errors)


def compared(ours: Round, theirs: Round) -> dict[str, tuple[float, float]]:
    """Return what both have, ours first: us of CPU per delivery, ms of latency."""
    found = {}
    if ours.received and theirs.received and theirs.cpu.get("server"):
        sides = [each.cpu["server"] * 1e6 / each.received for each in (ours, theirs)]
        found["server_cpu"] = (sides[0], sides[1])
    if ours.latency is not None and theirs.latency is not None:
        for name in ("p50", "p99"):
            found[name] = (getattr(ours.latency, name), getattr(theirs.latency, name))
    return found


QUESTION = Question(
    name="ratio",
    says="a Beseda beside a loop that only writes: so many times its CPU and its latency",
    defaults={"members": 1000, "rooms": 1, "rate": 20.0, "seconds": 6.0, "rounds": 3},
    short={},
    measure=measure,
    alone=True,
)
