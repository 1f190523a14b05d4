"""A proxy dies, and everybody comes back at once: when is everybody there, and what is missing?

Who talks stays connected and goes on; what was said meanwhile has to reach everybody once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from loadtest.clock import NS, now_ns
from loadtest.crowd import Crowd
from loadtest.measuring import Figures, gather, listen, others, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.tally import Tally

CATCH_UP_S: Final = 30.0
_LOOK_S: Final = 0.005


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    options = stand.options
    crowd, before = await gather(stand)
    try:
        for number in range(1, options.rounds + 1):
            if stand.stop.is_set():
                return
            title = title_of("reconnect-storm", number, options.rounds)

            async def storm(_: Tally, said: str = title) -> Figures:
                return await _storm(stand, crowd, said)

            yield with_memory(await listen(stand, crowd, title, during=storm), before)
    finally:
        await crowd.leave()


async def _storm(stand: Stand, crowd: Crowd, title: str) -> Figures:
    listeners = [seat for seat in others(crowd) if seat.socket is not None]
    dropped = now_ns()
    crowd.drop(listeners)
    stand.progress.say(f"{title}: {len(listeners)} sockets were dropped")
    back = await crowd.enter(listeners, stand.options.at_once, stand.stop)
    joined = now_ns()
    modes = [seat.socket.resumed for seat in listeners if seat.socket is not None]
    figures = {
        "dropped": Figure(len(listeners), ""),
        "back": Figure(back, ""),
        "resumed": Figure(modes.count("resumed"), ""),
        "all back": Figure((joined - dropped) / NS, "s"),
    }
    said = crowd.said()
    end = joined + int(CATCH_UP_S * NS)
    while now_ns() < end and not stand.stop.is_set():
        if all(
            seat.hearing.next.get(stream, 0) >= number
            for seat in listeners
            for stream, number in said[seat.room]
        ):
            figures["all caught up"] = Figure((now_ns() - dropped) / NS, "s")
            break
        await asyncio.sleep(_LOOK_S)
    return figures


QUESTION = Question(
    name="reconnect-storm",
    says="all sockets are dropped at once: until all are back and have heard what they missed",
    defaults={
        "members": 50,
        "rooms": 100,
        "rate": 0.5,
        "seconds": 8.0,
        "at_once": 256,
        "rounds": 1,
    },
    short={"rooms": 10, "rate": 2.0, "seconds": 3.0},
    measure=measure,
)
