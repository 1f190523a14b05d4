"""People and rooms for a run: of an own system straight into its database, elsewhere over HTTP.

Elsewhere every account costs a hash of its password there, and registrations are limited per
address: few people with several sockets each stand for many. An own system is given one hash
for all, of the full cost, so that logging in costs what it always costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

import aiohttp

from loadtest.errors import CannotRunError
from loadtest.processes import Processes
from loadtest.system import System
from loadtest.target import Address, Person
from server.auth.identity import hash_secret, new_secret
from server.auth.passwords import Passwords
from server.auth.tokens import Tokens
from server.domain.rooms import User, Visibility
from server.runtime.settings import Settings
from server.storage.pool import open_pool
from server.storage.rooms import Rooms
from server.storage.sessions import Sessions
from server.storage.users import Users

HTTP_S: Final = 30.0
_DAY_MS: Final = 86_400_000
_AT_ONCE: Final = 8
"""Queries, or requests, that are made at the same time."""


class Site(Protocol):
    """A system under test."""

    address: Address
    password: str
    processes: Processes
    limited: bool
    """Whether a person may send only so much: then several have to talk."""

    async def people(self, count: int) -> list[Person]:
        """Return so many people who are logged in; fewer where the system allows no more."""

    async def rooms(self, count: int) -> list[str]:
        """Make so many public rooms; return their ids."""


class Nowhere:
    """No system, for a question that starts by itself what it looks at."""

    address = Address("", "", "", 0, "", None)
    password = ""
    limited = False

    def __init__(self) -> None:
        self.processes = Processes({})

    async def people(self, count: int) -> list[Person]:
        raise CannotRunError(f"there is no system here for {count} people")

    async def rooms(self, count: int) -> list[str]:
        raise CannotRunError(f"there is no system here for {count} rooms")


class OwnSite:
    """A system that was started for this run."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.address = Address.of(system.url)
        self.password = secrets.token_urlsafe(12)
        self.processes = system.processes
        self.limited = False
        env = {name.lower(): value for name, value in system.env.items()}
        self._settings = Settings.model_validate(env)
        self._people: list[Person] = []
        self._owner: User | None = None
        self._run = secrets.token_hex(4)
        self._hash = ""

    async def people(self, count: int) -> list[Person]:
        if not self._hash:
            self._hash = await self._hashed()
        async with open_pool(self._settings) as pool:
            users, sessions, tokens = Users(pool), Sessions(pool), Tokens(self._settings)
            expires_at = int(time.time() * 1000) + _DAY_MS
            wanted = iter(range(len(self._people), count))

            async def make() -> None:
                for number in wanted:
                    email = f"person-{self._run}-{number}@example.org"
                    account = await users.create(email, f"Person {number}", self._hash, "en")
                    session = hash_secret(new_secret())
                    await sessions.create(account.id, session, "loadtest", "127.0.0.1", expires_at)
                    self._people.append(Person(email, tokens.issue(account.id, session)))
                    self._owner = self._owner or account.user

            await asyncio.gather(*(make() for _ in range(_AT_ONCE)))
        return self._people[:count]

    async def rooms(self, count: int) -> list[str]:
        if self._owner is None:
            await self.people(1)
        assert self._owner is not None
        async with open_pool(self._settings) as pool:
            rooms = Rooms(pool)
            made = [
                await rooms.create(f"Room {number}", self._owner, Visibility.PUBLIC)
                for number in range(count)
            ]
        return [room.id for room in made]

    async def _hashed(self) -> str:
        passwords = Passwords(self._settings)
        try:
            return await passwords.hash(self.password)
        finally:
            passwords.close()


class ForeignSite:
    """A system that runs somewhere; it is asked for everything over its own interface."""

    def __init__(self, url: str) -> None:
        self.address = Address.of(url)
        self.password = secrets.token_urlsafe(12)
        self.processes = Processes({})
        self.limited = True
        self._people: list[Person] = []
        self._run = secrets.token_hex(4)

    async def people(self, count: int) -> list[Person]:
        async with self._http() as http:
            while len(self._people) < count:
                email = f"loadtest-{self._run}-{len(self._people)}@example.org"
                if not await self._register(http, email):
                    break
                form = {"username": email, "password": self.password}
                answer = await self._asked(http, "token", data=form)
                self._people.append(Person(email, str(answer["access_token"])))
        if not self._people:
            raise CannotRunError(
                f"{self.address.url} lets nobody register from here now; "
                "wait for LOGIN_WINDOW_S seconds, or raise REGISTRATIONS_IP there"
            )
        return self._people[:count]

    async def rooms(self, count: int) -> list[str]:
        people = self._people or await self.people(1)
        made = []
        async with self._http() as http:
            for number in range(count):
                token = people[number % len(people)].token
                answer = await self._asked(
                    http,
                    "api/v1/rooms",
                    json={"name": f"Load test {self._run} {number}"},
                    headers={"Authorization": f"Bearer {token}"},
                )
                made.append(str(answer["id"]))
        return made

    async def _register(self, http: aiohttp.ClientSession, email: str) -> bool:
        account = {"email": email, "password": self.password, "name": email.partition("@")[0]}
        try:
            await self._asked(http, "api/v1/register", json=account)
        except _ThrottledError:
            return False
        return True

    @contextlib.asynccontextmanager
    async def _http(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with aiohttp.ClientSession(
            self.address.url + "/",
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=HTTP_S),
        ) as http:
            yield http

    async def _asked(
        self, http: aiohttp.ClientSession, path: str, **request: Any
    ) -> dict[str, Any]:
        try:
            async with http.post(path, **request) as answer:
                if answer.status == 429:
                    raise _ThrottledError
                if answer.status >= 400:
                    text = (await answer.text())[:200]
                    raise CannotRunError(f"{answer.url} answered {answer.status}: {text}")
                found: dict[str, Any] = await answer.json()
                return found
        except aiohttp.ClientConnectorError as error:
            why = error.os_error.strerror or str(error.os_error)
            raise CannotRunError(f"{self.address.url} cannot be reached: {why}") from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = str(error) or "no answer in time"
            raise CannotRunError(f"{self.address.url} does not answer as a Beseda: {why}") from None


class _ThrottledError(Exception):
    """Not now, says the system."""
