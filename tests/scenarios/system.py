"""A whole Beseda of real processes: replicas, writers, and the people who use them.

    async with System(redis_url, database_url, folder) as system:
        alice = await system.register("alice")
        kitchen = await alice.create_room("Kitchen")
        client = await alice.open(kitchen)
        cid = client.say("hello")
        await client.is_saved(cid)
        system.replicas[0].kill()

Redis and PostgreSQL belong to the caller, who may stop them; the database is migrated.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from tests.helpers import free_port
from tests.scenarios.client import Client
from tests.scenarios.person import PASSWORD, Person
from tests.scenarios.service import ROOT, Service, start_all

FAST: Mapping[str, object] = {
    "bcrypt_cost": 4,
    "partitions": 16,
    "send_rate": 0,
    "registrations_ip": 10_000,
    "login_attempts_ip": 10_000,
    "sockets_per_ip": 10_000,
    "sockets_per_user": 1_000,
    "redis_timeout_s": 2.0,
    "database_timeout_s": 2.0,
    "database_acquire_s": 1.0,
    "database_connections": 4,
    "drain_s": 2.0,
    "lease_s": 3,
    "repair_interval_s": 0.5,
    "presence_interval_ms": 50,
    "writer_sweep_s": 0.3,
    "room_linger_s": 2.0,
    "log_level": "info",
}
"""Settings of a test, by the names of ``Settings``: low costs, high rates, short intervals."""


class System:
    """N replicas, each website and chat on its own port, and K writers.

    ``settings`` win over ``FAST`` by the names of ``Settings``; ``replica_settings`` are for one
    replica each, by its number: another ``redis_url`` leads it through a proxy.
    With ``shared_port`` all replicas listen on one port, and the kernel chooses among them.
    ``root`` is the folder of the package ``server`` that runs, when it is not this one.
    """

    def __init__(
        self,
        redis_url: str,
        database_url: str,
        folder: Path,
        *,
        replicas: int = 2,
        writers: int = 1,
        shared_port: bool = False,
        replica_settings: Mapping[int, Mapping[str, object]] | None = None,
        root: Path = ROOT,
        **settings: object,
    ) -> None:
        self.redis_url = redis_url
        self.database_url = database_url
        self.folder = folder
        self._root = root
        self.secret = secrets.token_urlsafe(48)
        common: dict[str, object] = {
            **FAST,
            "redis_url": redis_url,
            "database_url": database_url,
            "jwt_secret_key": self.secret,
            "files_dir": folder / "files",
            **settings,
        }
        self.settings: Mapping[str, object] = common
        self.partitions = int(str(common["partitions"]))
        own = replica_settings or {}
        port = free_port() if shared_port else 0
        self.replicas = [
            self._service(f"replica-{n}", "all", {**common, **own.get(n, {})}, port)
            for n in range(replicas)
        ]
        self.writers = [self._service(f"writer-{n}", "writer", common) for n in range(writers)]
        self.people: dict[str, Person] = {}
        self.clients: list[Client] = []
        self.http: aiohttp.ClientSession

    @property
    def services(self) -> list[Service]:
        """Every process."""
        return [*self.replicas, *self.writers]

    async def __aenter__(self) -> Self:
        # Cookies are people's, and this session is shared by all of them.
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=30),
        )
        try:
            await start_all(self.services)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the clients and end every process."""
        for client in self.clients:
            await client.close()
        for service in self.services:
            service.close()
        await self.http.close()

    async def register(self, name: str, replica: int = 0) -> Person:
        """Open an account and log in, over HTTP; ``name`` in small letters, no spaces."""
        person = Person(self, name, f"{name}@example.org")
        account = {"email": person.email, "password": PASSWORD, "name": name.title()}
        answer = await person.post("/api/v1/register", replica=replica, json=account)
        assert answer.status == 201, (answer.status, answer.text, self.report())
        person.id = answer.json["id"]
        await person.log_in(replica)
        self.people[name] = person
        return person

    def errors(self) -> list[str]:
        """What any process logged as an error."""
        return [error for service in self.services for error in service.errors()]

    def report(self) -> str:
        """The end of every log, for a failure."""
        return "\n".join(f"--- {each.name}\n{each.tail()}" for each in self.services)

    def _service(
        self, name: str, service: str, settings: Mapping[str, object], port: int = 0
    ) -> Service:
        env = {key.upper(): _spelled(value) for key, value in settings.items()}
        return Service(name, service, env, self.folder / f"{name}.log", port=port, root=self._root)


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
