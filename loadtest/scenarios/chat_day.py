"""A day of people who log in, read, type, talk, come and go: with real users of Locust."""

from __future__ import annotations

from loadtest.options import Question
from loadtest.users.run import measure

QUESTION = Question(
    name="chat-day",
    says="--users people log in, read, type, talk, lose their connection, come back and leave",
    defaults={
        "users": 50,
        "spawn_rate": 5.0,
        "pace": 1.0,
        "workers": 0,
        "rooms": 5,
        "people": 25,
        "seconds": 30.0,
        "warm_up": 5.0,
        "rounds": 1,
    },
    short={"users": 10, "pace": 4.0, "seconds": 6.0, "warm_up": 2.0},
    measure=measure,
)
