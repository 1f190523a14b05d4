"""A whole Beseda of real processes behind weather, and the people who talk in it."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.plan import Needs, Stroke
from tests.chaos.servers import Servers
from tests.chaos.timeline import Timeline
from tests.scenarios.client import Client, Lost
from tests.scenarios.load import Talk
from tests.scenarios.person import Person
from tests.scenarios.proxy import Link, Proxy
from tests.scenarios.service import ROOT, Service
from tests.scenarios.system import System

REPLICAS = 3
WRITERS = 2
ROOMS = 3
INHABITANTS = ("alice", "bob", "carol", "dave")
PACE_S = 0.3
"""Mean pause of one talker: 40 messages a second of twelve, for half an hour on two cores."""

SETTINGS: Mapping[str, Any] = {
    "access_token_expire_minutes": 1440,  # longer than any run, and than a clock is moved
    "startup_s": 90.0,  # a process may be started while a server is away
}


class Citizen(Client):
    """A client that comes back by itself whatever becomes of its socket."""

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask; a socket without an answer is given up, as pages do."""
        ws = self._ws
        try:
            return await super().ask(op, **fields)
        except Lost:
            if self._ws is ws:
                self._drop()
            raise

    def _end(self, why: str) -> None:
        # A replica whose clock is wrong takes a good token for a bad one; the next does not.
        if why != "unauthorized":
            super()._end(why)


class Door(Service):
    """A process whose sockets are reached through a link."""

    front: Link | None = None

    @property
    def ws_url(self) -> str:
        """Address for WebSockets, through the weather."""
        return f"ws://127.0.0.1:{self.front.port}" if self.front else super().ws_url


class Links:
    """Every link of the town; a name says who is at its ends."""

    def __init__(self, servers: Servers) -> None:
        names = [f"replica-{n}" for n in range(REPLICAS)] + [f"writer-{n}" for n in range(WRITERS)]
        # The servers of a group name each other, so that nobody could be led through here.
        lone = servers.group is None
        self.redis = {name: Proxy(servers.redis_url) for name in names if lone}
        self.postgres = {name: Link(servers.postgres.url) for name in names}
        self.clients: dict[str, Link] = {}

    @property
    def all(self) -> list[Link]:
        """Every one."""
        return [*self.redis.values(), *self.postgres.values(), *self.clients.values()]

    async def start(self) -> None:
        """Begin to listen before the processes are there."""
        for link in self.all:
            await link.start()

    async def stand_before(self, replicas: list[Service]) -> None:
        """Put a link in front of each replica, for its clients."""
        for replica in replicas:
            assert isinstance(replica, Door)
            link = replica.front = self.clients[replica.name] = Link(replica.url)
            await link.start()

    async def close(self) -> None:
        """Stop all of them."""
        for link in self.all:
            await link.close()


class Town(System):
    """A system in which each process has its own links to Redis and PostgreSQL."""

    def __init__(self, servers: Servers, links: Links, folder: Path, root: Path) -> None:
        self._links = links
        clock = servers.replica_clock
        lied_to = {0: clock.environment} if clock else {}
        super().__init__(
            servers.redis_url,
            servers.postgres.url,
            folder,
            replicas=REPLICAS,
            writers=WRITERS,
            replica_settings=lied_to,
            root=root,
            **SETTINGS,
        )

    def _service(
        self, name: str, service: str, settings: Mapping[str, object], port: int = 0
    ) -> Service:
        linked = {"database_url": self._links.postgres[name].url}
        if name in self._links.redis:
            linked["redis_url"] = self._links.redis[name].url
        made = super()._service(name, service, {**settings, **linked}, port)
        door = Door(name, service, made._env, made.log, port=port, root=self._root)
        door._env = made._env
        return door


class World:
    """Everything of one run.

    Attributes:
        alone: one fault by its name, so its own promises are looked at too.
        moved: Redis has lost something in this run.
        stopping: somebody wants the run to end.
    """

    def __init__(self, folder: Path, needs: Needs, timeline: Timeline, root: Path = ROOT) -> None:
        self.folder = folder
        self.needs = needs
        self.timeline = timeline
        self.alone = False
        self.moved = False
        self.stopping = asyncio.Event()
        self._root = root
        self.servers = Servers(folder, needs)
        self.links: Links
        self.town: Town
        self._talks: dict[Client, Talk] = {}
        self._newcomers = itertools.count(1)

    async def start(self) -> None:
        """Start servers, processes and people."""
        await self.servers.start()
        self.links = Links(self.servers)
        await self.links.start()
        self.town = Town(self.servers, self.links, self.folder / "logs", self._root)
        await self.town.__aenter__()
        await self.links.stand_before(self.town.replicas)
        people = [await self.town.register(name) for name in INHABITANTS]
        replicas = itertools.cycle(range(REPLICAS))
        for number in range(ROOMS):
            room = await people[0].create_room(f"Room {number}")
            for person in people:
                await self.come(person, room, next(replicas))
            next(replicas)  # so that not everybody is on the same replica in each room

    async def close(self) -> None:
        """End everything."""
        await self.hush()
        if hasattr(self, "town"):
            await self.town.close()
        if hasattr(self, "links"):
            await self.links.close()
        await self.servers.close()

    # --- People -------------------------------------------------------------------------

    @property
    def citizens(self) -> list[Client]:
        """Who has not left."""
        return [client for client in self.town.clients if client.ledger.alive]

    async def come(self, person: Person, room: str, replica: int) -> Client:
        """Open a room for somebody."""
        label = f"{person.name}-{next(self._newcomers)}"
        client = Citizen(person, room, replica, label=label)
        self.town.clients.append(client)
        client.start()
        await client.is_live()
        return client

    async def leave(self, client: Client) -> None:
        """Let somebody close the page with whatever is in the outbox."""
        talk = self._talks.pop(client, None)
        client.ledger.alive = False
        if talk is not None:
            await talk.stop()
        await client.leave_for_good()

    async def spread(self) -> None:
        """Send people from a crowded replica to empty ones, where faults would not find any."""
        ideal = len(self.citizens) // REPLICAS
        for number in range(REPLICAS):
            here = [client for client in self.citizens if client.replica == number]
            for client in here[ideal + 1 :]:
                await self._move(client)

    async def _move(self, client: Client) -> None:
        crowds = Counter(each.replica for each in self.citizens)
        emptiest = min(range(REPLICAS), key=lambda number: crowds[number])
        client.replica = (emptiest - 1) % REPLICAS  # the next one is where it will come back
        client._drop()
        await client.is_live()

    def talk(self) -> None:
        """Let everybody talk."""
        for client in self.citizens:
            if client not in self._talks:
                self._talks[client] = talk = Talk([client], PACE_S)
                talk.start()

    async def hush(self) -> None:
        """Let everybody fall silent."""
        talks, self._talks = self._talks, {}
        for talk in talks.values():
            await talk.stop()

    # --- For faults -----------------------------------------------------------------------

    def replica(self, stroke: Stroke) -> Service:
        """Choose a replica."""
        return stroke.dice.choice(self.town.replicas)

    def writer(self, stroke: Stroke) -> Service:
        """Choose a writer."""
        return stroke.dice.choice(self.town.writers)

    async def wait(self, seconds: float) -> None:
        """Let time pass, unless the run is to end."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass
