"""People whose sockets agreed on compression beside others: fewer bytes, at what cost?

Both are served by one process and talk in turns, so the ratios hold on a machine on which neither
number would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Final

from loadtest.accounts import OwnSite
from loadtest.measuring import BYTES, gather, listen, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.report.summary import TIMES
from loadtest.scenarios.ratio import compared
from loadtest.system import System

PLAIN: Final = "plain"
PACKED: Final = "compressed"


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    options = stand.options
    settings = {"SOCKET_COMPRESSION": str(options.compress)}
    stand.progress.now("starting Beseda")
    async with System(stand.folder, settings=settings) as system, AsyncExitStack() as stack:
        stands = {
            name: dataclasses.replace(
                stand,
                site=OwnSite(system),
                options=dataclasses.replace(options, compress=level),
            )
            for name, level in ((PLAIN, 0), (PACKED, options.compress))
        }
        crowds, memory = {}, {}
        for name, each in stands.items():
            crowds[name], memory[name] = await gather(each)
            stack.push_async_callback(crowds[name].leave)
        for number in range(1, options.rounds + 1):
            found: dict[str, Round] = {}
            # To and fro: what warms up or wears out in a run then favours nobody.
            for name in list(stands)[:: 1 if number % 2 else -1]:
                if stand.stop.is_set():
                    return
                title = title_of(f"compression, {name}", number, options.rounds)
                found[name] = await listen(stands[name], crowds[name], title)
            yield with_memory(_together(found[PACKED], found[PLAIN]), memory[PACKED])


def _together(packed: Round, plain: Round) -> Round:
    """Return the round of those who agreed, with the others' numbers and the ratios to them."""
    figures, more, errors = dict(packed.figures), dict(packed.more), dict(packed.errors)
    pairs = compared(packed, plain)
    if BYTES in packed.figures and BYTES in plain.figures:
        pairs["bytes"] = packed.figures[BYTES].value, plain.figures[BYTES].value
        figures[f"{BYTES}, {PLAIN}"] = plain.figures[BYTES]
    for what, (ours, theirs) in pairs.items():
        if what == "server_cpu":
            figures[f"server_cpu_us.{PLAIN}"] = Figure(theirs, "us")
            figures[f"server_cpu_us.{PACKED}"] = Figure(ours, "us")
        figures[f"ratio.{what}"] = Figure(ours / theirs, TIMES)
    if plain.latency is not None:
        more[PLAIN] = plain.latency
    if lost := plain.expected - plain.received:
        errors[f"{PLAIN}: lost"] = lost
    return dataclasses.replace(packed, figures=figures, more=more, errors=errors)


QUESTION = Question(
    name="compression",
    says="sockets that agreed on compression beside some that did not: bytes and CPU of a delivery",
    defaults={
        "members": 200,
        "rooms": 1,
        "rate": 20.0,
        "seconds": 4.0,
        "rounds": 3,
        "compress": 6,
    },
    short={},
    measure=measure,
    alone=True,
)
