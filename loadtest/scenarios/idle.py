"""People who are there and say nothing: what does a connection hold, and what does it burn?"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loadtest.measuring import gather, listen, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    options = stand.options
    crowd, before = await gather(stand)
    here = crowd.joined
    try:
        for number in range(1, options.rounds + 1):
            if stand.stop.is_set():
                return
            title = title_of(f"idle, {here} connections", number, options.rounds)
            measured = await listen(stand, crowd, title, rate=0.0)
            for part in ("server", "nginx"):
                if part in measured.cpu:
                    busy = measured.cpu[part] / measured.seconds
                    measured.figures[f"{part} CPU per idle second"] = Figure(busy * 1000, "ms")
            yield with_memory(measured, before)
    finally:
        await crowd.leave()


QUESTION = Question(
    name="idle",
    says="sockets that hear nothing: memory of each, and CPU per idle second",
    defaults={"members": 50, "rooms": 100, "seconds": 10.0, "rounds": 1, "warm_up": 2.0},
    short={"rooms": 20, "seconds": 3.0},
    measure=measure,
)
