"""One room with many members: what does a delivery cost, and how late is it?"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loadtest.options import Question, Stand
from loadtest.outcome import Round
from loadtest.scenarios.talk import talk


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    async for measured in talk(stand, "big-room"):
        yield measured


QUESTION = Question(
    name="big-room",
    says="many members of one room hear what one of them says, --rate times a second",
    defaults={"members": 1000, "rooms": 1, "rate": 20.0, "seconds": 10.0, "rounds": 3},
    short={"members": 200, "seconds": 4.0, "rounds": 1},
    measure=measure,
)
