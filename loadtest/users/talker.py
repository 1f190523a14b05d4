"""Somebody who talks."""

from __future__ import annotations

import random
import secrets
from typing import Final

import gevent
from locust import task

from loadtest.users.person import Person, calmly

EMOJI: Final = ("👍", "❤️", "😂", "🎉")


class Talker(Person):
    """Types, says something, reacts to others, and reads on."""

    weight = 4
    pause_s = (1.0, 5.0)

    @task(8)
    @calmly
    def talk(self) -> None:
        """Type for a moment, and say it."""
        connection = self.here()
        connection.ask("typing")
        gevent.sleep(self.while_(0.5, 3.0))
        self.here().say()

    @task(2)
    @calmly
    def read_on(self) -> None:
        """Everything on the screen was read."""
        self.mark_read()

    @task(1)
    @calmly
    def react(self) -> None:
        """Put an emoji under the newest message."""
        connection = self.here()
        message = connection.newest
        if message is not None:
            connection.ask(
                "react",
                cid=secrets.token_hex(8),
                epoch=message["epoch"],
                seq=message["seq"],
                emoji=random.choice(EMOJI),
                on=True,
            )
