"""The accounts and rooms that all users of a run share.

Registering is throttled per address, so many users stand behind few people: an account takes
as many sockets as ``SOCKETS_PER_USER`` allows. The town is made once, by the process that
starts the test; workers ask it for theirs.
"""

from __future__ import annotations

import random
import secrets
from typing import Any, Final, NamedTuple

import requests
from gevent.event import Event
from gevent.pool import Pool

HTTP_S: Final = 30.0
READY_S: Final = 60.0
ROOM_NAME: Final = "Load test room"
_AT_ONCE: Final = 4
_CREATED: Final = 201
_UNKNOWN: Final = 401
_THROTTLED: Final = 429


class TownError(Exception):
    """The system lets nobody in; the message is for the person at the terminal."""


class Account(NamedTuple):
    """Somebody who can log in."""

    email: str
    password: str


class Town:
    """Who may log in, and where they talk."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.rooms: list[str] = []
        self._ready = Event()
        self._next = 0

    def make(
        self, url: str, *, accounts: int, rooms: int, prefix: str, password: str, registered: bool
    ) -> None:
        """Find or register the people ``prefix``-0 and so on, and find or make the rooms.

        Without a ``prefix`` it is a new one; with ``registered`` people are there already.

        Raises:
            TownError: nobody may register or log in, or the system does not answer.
        """
        known, prefix = bool(prefix), prefix or f"loadtest-{secrets.token_hex(4)}"
        password = password or secrets.token_urlsafe(12)
        wanted = [Account(f"{prefix}-{n}@example.org", password) for n in range(accounts)]
        try:
            if not registered:
                wanted = [
                    account
                    for account in Pool(_AT_ONCE).map(lambda a: _settle(url, a, known), wanted)
                    if account
                ]
            if not wanted:
                raise TownError(
                    f"{url} lets nobody register from here now; "
                    "wait for LOGIN_WINDOW_S seconds, or raise REGISTRATIONS_IP there"
                )
            token = _token(url, wanted[0])
            self.fill({"accounts": wanted, "rooms": [_room(url, token, n) for n in range(rooms)]})
        except (requests.RequestException, ValueError, KeyError) as problem:
            raise TownError(f"{url} does not answer as a Beseda: {problem}") from None

    def told(self) -> dict[str, Any]:
        """Return the town in words of msgpack, for a worker."""
        return {"accounts": [list(each) for each in self.accounts], "rooms": self.rooms}

    def fill(self, told: dict[str, Any]) -> None:
        """Take what the starting process has made."""
        self.accounts = [Account(*each) for each in told["accounts"]]
        self.rooms = list(told["rooms"])
        self._next = random.randrange(len(self.accounts))
        self._ready.set()

    def somebody(self) -> Account:
        """Return the next account, each in its turn.

        Raises:
            TownError: there is no town after a minute.
        """
        self._wait()
        self._next = (self._next + 1) % len(self.accounts)
        return self.accounts[self._next]

    def somewhere(self) -> str:
        """Return a room: the first is the most popular, as in Zipf's law."""
        self._wait()
        weights = [1 / (number + 1) for number in range(len(self.rooms))]
        return random.choices(self.rooms, weights)[0]

    def _wait(self) -> None:
        if not self._ready.wait(READY_S):
            raise TownError("there are no accounts yet")


def _settle(url: str, account: Account, known: bool) -> Account | None:
    """Make sure that an account is there; ``None`` where it may not be made."""
    if known and _post(url, "token", email=account.email, password=account.password).ok:
        return account
    name = account.email.partition("@")[0]
    made = _post(url, "register", email=account.email, password=account.password, name=name)
    return account if made.status_code == _CREATED else None


def _token(url: str, account: Account) -> str:
    answer = _post(url, "token", email=account.email, password=account.password)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _room(url: str, token: str, number: int) -> str:
    """Find the room of that number, or make it."""
    name = f"{ROOM_NAME} {number + 1}"
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{url}/api/v1/rooms"
    found = requests.get(address, params={"search": name}, headers=headers, timeout=HTTP_S)
    found.raise_for_status()
    for room in found.json()["rooms"]:
        if room["name"] == name:
            return str(room["id"])
    made = requests.post(address, json={"name": name}, headers=headers, timeout=HTTP_S)
    made.raise_for_status()
    return str(made.json()["id"])


def _post(url: str, what: str, **body: str) -> requests.Response:
    return requests.post(f"{url}/api/v1/{what}", json=body, timeout=HTTP_S)


TOWN: Final = Town()
"""The town of this process."""
