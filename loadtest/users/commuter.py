"""Somebody on a train."""

from __future__ import annotations

import gevent
from locust import task

from loadtest.clock import now_ns
from loadtest.users.connection import LostError
from loadtest.users.person import Person, calmly


class Commuter(Person):
    """Loses the connection again and again, and is back with everything that was missed."""

    weight = 2
    pause_s = (3.0, 10.0)

    @task(2)
    @calmly
    def tunnel(self) -> None:
        """Be away for a while; "resume" is from the first attempt until nothing is missing."""
        connection = self.here()
        connection.break_off()
        gevent.sleep(self.while_(0.5, 4.0))
        began = now_ns()
        try:
            self.connection = self.resume(connection)
        except LostError as problem:
            self.took("resume", (now_ns() - began) / 1e6, str(problem))
            raise
        self.took("resume", (now_ns() - began) / 1e6)

    @task(1)
    @calmly
    def talk(self) -> None:
        """Say where the train is."""
        self.here().say()
