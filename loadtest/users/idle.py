"""People who are there, and do nothing: for memory, and for what a crowd costs that is silent.

locust -f loadtest/users/idle.py --host https://chat.example.org
"""

from __future__ import annotations

from locust import task

from loadtest.users.person import Person, calmly
from loadtest.users.town import TOWN

__all__ = ["Idler"]


class Idler(Person):
    """Has a room open in a window behind others."""

    pause_s = (20.0, 30.0)

    def on_start(self) -> None:
        """Go straight into a room."""
        self.account = TOWN.somebody()
        self.log_in()
        self.enter(TOWN.somewhere())

    @task
    @calmly
    def stay(self) -> None:
        """Come back if the socket ended."""
        self.here()
