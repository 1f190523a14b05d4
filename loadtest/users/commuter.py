"""Somebody on a train."""

from __future__ import annotations

import random
from typing import Final

import gevent
from locust import task

from loadtest.clock import now_ns
from loadtest.users.connection import LostError
from loadtest.users.person import Person, calmly

TALKATIVE: Final = 0.4
"""The share of rides on which somebody says something."""


class Commuter(Person):
    """Loses the connection again and again, and is back with everything that was missed."""

    weight = 2
    pause_s = (3.0, 10.0)

    @task
    @calmly
    def ride(self) -> None:
        """Perhaps say where the train is, and come into a tunnel.

        "resume" is from the first attempt to come back until nothing is missing.
        """
        connection = self.here()
        if random.random() < TALKATIVE:
            connection.say()
        connection.break_off()
        gevent.sleep(self.while_(0.5, 4.0))
        began = now_ns()
        try:
            self.connection = self.resume(connection)
        except LostError as problem:
            self.took("resume", (now_ns() - began) / 1e6, str(problem))
            raise
        self.took("resume", (now_ns() - began) / 1e6)
