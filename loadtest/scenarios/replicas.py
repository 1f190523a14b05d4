"""Several replicas behind nginx: what does each of them add to the cost of a delivery?"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loadtest.options import Question, Stand
from loadtest.outcome import Round
from loadtest.scenarios.talk import talk


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    async for measured in talk(stand, f"replicas, {stand.options.replicas} of them"):
        yield measured


QUESTION = Question(
    name="replicas",
    says="rooms on one, two, four … --replicas replicas behind nginx, each on a fresh system",
    defaults={
        "members": 20,
        "rooms": 20,
        "rate": 5.0,
        "seconds": 8.0,
        "rounds": 2,
        "replicas": 2,
    },
    short={"rooms": 10, "seconds": 4.0, "rounds": 1},
    measure=measure,
    own=True,
)
