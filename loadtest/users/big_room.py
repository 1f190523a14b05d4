"""One room with many who listen and one who talks, ``--rate`` messages a second.

locust -f loadtest/users/big_room.py --host https://chat.example.org --rooms 1
"""

from __future__ import annotations

from locust import task

from loadtest.users.person import Person, calmly
from loadtest.users.town import TOWN

__all__ = ["Listener", "Speaker"]


class Listener(Person):
    """Hears everything; says nothing."""

    pause_s = (20.0, 30.0)

    def on_start(self) -> None:
        """Go straight into the room."""
        self.account = TOWN.somebody()
        self.log_in()
        self.enter(TOWN.rooms[0])

    @task
    @calmly
    def stay_awake(self) -> None:
        """Ask the server for a sign of life, or come back."""
        self.here().ask("ping")


class Speaker(Listener):
    """Talks at a rate, as long as answers come faster than that."""

    fixed_count = 1

    def wait_time(self) -> float:
        """Return the seconds between two messages."""
        options = self.environment.parsed_options
        return 1.0 / options.rate if options is not None and options.rate > 0 else 1.0

    @task
    @calmly
    def talk(self) -> None:
        """Say something."""
        self.here().say()
