"""Many small rooms: what does a message cost when hardly anybody hears it?"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loadtest.options import Question, Stand
from loadtest.outcome import Round
from loadtest.scenarios.talk import talk


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    async for measured in talk(stand, "small-rooms"):
        yield measured


QUESTION = Question(
    name="small-rooms",
    says="many rooms of few members, and somebody talks in each, --rate times a second",
    defaults={"members": 5, "rooms": 200, "rate": 10.0, "seconds": 10.0, "rounds": 3},
    short={"rooms": 40, "seconds": 4.0, "rounds": 1},
    measure=measure,
)
