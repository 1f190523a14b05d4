"""Somebody who mostly reads."""

from __future__ import annotations

from locust import task

from loadtest.users.person import Person, calmly
from loadtest.users.town import TOWN


class Reader(Person):
    """Reads along, marks what was read, scrolls back, and sometimes goes to another room."""

    weight = 4

    @task(6)
    @calmly
    def read_on(self) -> None:
        """Everything on the screen was read."""
        self.mark_read()

    @task(3)
    @calmly
    def scroll_back(self) -> None:
        """Ask for what was before."""
        connection = self.here()
        place = connection.place.last
        if place is not None:
            connection.ask("history", before=place._asdict(), limit=50)

    @task(2)
    @calmly
    def stay_awake(self) -> None:
        """Ask the server for a sign of life."""
        self.here().ask("ping")

    @task(1)
    def look_around(self) -> None:
        """Look at the list of rooms for something else."""
        self.get("/chatrooms/?search=room", "page: rooms, search")

    @task(1)
    def go_elsewhere(self) -> None:
        """Leave, and come into another room after a while."""
        self.leave()
        self.enter(TOWN.somewhere())
