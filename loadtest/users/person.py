"""What all people of a load test do: log in, look around, enter a room, come back, leave."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec

import gevent
from locust import FastHttpUser

from loadtest.users.connection import Connection, LostError, RefusedError
from loadtest.users.place import Place
from loadtest.users.town import TOWN, Account
from loadtest.users.watch import RECORDS

RETRY_S: Final = (0.5, 30.0)
"""The first pause before coming back, and the longest."""

P = ParamSpec("P")


def calmly(act: Callable[P, None]) -> Callable[P, None]:
    """Go on after what went wrong: it was counted where it happened."""

    @wraps(act)
    def acts(*args: P.args, **kwargs: P.kwargs) -> None:
        with contextlib.suppress(LostError, RefusedError):
            act(*args, **kwargs)

    return acts


class Person(FastHttpUser):
    """Somebody with an account, and mostly with a socket in a room."""

    abstract = True
    pause_s: tuple[float, float] = (2.0, 8.0)
    """The shortest and the longest pause between two things that a person does, at pace 1."""

    account: Account
    token: str = ""
    connection: Connection | None = None

    def wait_time(self) -> float:
        """Return seconds until the next thing to do."""
        return self.while_(*self.pause_s)

    def while_(self, least_s: float, most_s: float) -> float:
        """Return some seconds, fewer for those in a hurry."""
        options = self.environment.parsed_options
        pace = options.pace if options is not None else 1.0
        return random.uniform(least_s, most_s) / pace

    def on_start(self) -> None:
        """Log in, look at the list of rooms, and enter one."""
        self.account = TOWN.somebody()
        self.log_in()
        self.get("/chatrooms/", "page: rooms")
        self.enter(TOWN.somewhere())

    def on_stop(self) -> None:
        """Leave as people do."""
        self.leave()

    def log_in(self) -> None:
        """Get a token."""
        body = {"email": self.account.email, "password": self.account.password}
        answer = self.client.post("/api/v1/token", json=body, name="log in")
        found = answer.json() if answer.status_code == 200 else {}
        self.token = str((found or {}).get("access_token", ""))

    def get(self, path: str, name: str) -> Any:
        """Fetch a page or JSON; return what it says, ``None`` when it was refused."""
        answer = self.client.get(path, headers=self.headers, name=name)
        if not answer.status_code or answer.status_code >= 400:
            return None
        headers = answer.headers
        kind = str(headers.get("Content-Type")) if headers else ""
        return answer.json() if "json" in kind else answer.text

    @property
    def headers(self) -> dict[str, str]:
        """Say who asks."""
        return {"Authorization": f"Bearer {self.token}"}

    @calmly
    def enter(self, room: str) -> None:
        """Open a room as its page does: the page, the newest messages, the socket."""
        self.get(f"/chatrooms/chat/{room}", "page: room")
        self.get(f"/api/v1/rooms/{room}/messages?limit=50", "history over REST")
        self.connection = self.connect(room)

    def leave(self) -> None:
        """Close the socket, if there is one."""
        if self.connection is not None:
            self.connection.leave()
            self.connection = None

    def here(self) -> Connection:
        """Return a living connection; one that ended is resumed, as the protocol wants it.

        Raises:
            LostError: it could not be had, or the server forbids to come back.
        """
        old = self.connection
        if old is None:
            self.enter(TOWN.somewhere())
            if self.connection is None:
                raise LostError("no connection")
            return self.connection
        if old.moving and not old.lost:  # the server is stopping: come through the same address
            self.connection = self.connect(old.room, old.place)
            old.leave()
        elif old.lost:
            if old.final:
                self.connection = None
                raise LostError(old.lost)
            self.connection = self.resume(old)
        assert self.connection is not None
        return self.connection

    def mark_read(self) -> None:
        """Tell the room that everything on the screen was read."""
        connection = self.here()
        place = connection.place.last
        if place is not None:
            connection.ask("read", epoch=place.epoch, seq=place.seq)

    def resume(self, old: Connection) -> Connection:
        """Come back to a room with the last position, and wait until all that was missed came.

        Raises:
            LostError: five attempts failed.
        """
        pause = RETRY_S[0]
        for attempt in range(5):
            if attempt:
                gevent.sleep(random.uniform(0, pause))
                pause = min(2 * pause, RETRY_S[1])
                self.log_in()  # the token may be what is wrong
            try:
                connection = self.connect(old.room, old.place)
                connection.catch_up()
            except LostError:
                continue
            return connection
        self.connection = None
        raise LostError("could not come back")

    def connect(self, room: str, place: Place | None = None) -> Connection:
        """Open a socket into a room.

        Raises:
            LostError: that failed.
        """
        url = (self.host or "").rstrip("/").replace("http", "ws", 1)
        return Connection(url, self.token, room, self.took, RECORDS.counts, place)

    def took(self, name: str, ms: float, why: str = "") -> None:
        """Tell Locust, and by it our records, how long something took."""
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=ms,
            response_length=0,
            exception=LostError(why) if why else None,
            context={},
        )
