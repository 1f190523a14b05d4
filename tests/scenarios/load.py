"""People who talk while something happens to the system."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from tests.helpers import end, wait_until
from tests.scenarios.client import Client
from tests.scenarios.person import Person
from tests.scenarios.system import System

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
PACE_S = 0.1
"""Mean pause of one talker between two messages."""


async def people(system: System, count: int) -> list[Person]:
    """Register some people."""
    return await asyncio.gather(*(system.register(name) for name in NAMES[:count]))


async def town(system: System, *, rooms: int = 3, inhabitants: int = 4) -> list[Client]:
    """Some rooms with everybody in each of them, spread evenly over the replicas."""
    everybody = await people(system, inhabitants)
    names = [f"Room {number}" for number in range(rooms)]
    ids = [await everybody[0].create_room(name) for name in names]
    replicas = itertools.cycle(range(len(system.replicas)))
    clients = []
    for room in ids:
        for person in everybody:
            clients.append(await person.open(room, next(replicas)))  # noqa: PERF401 - one by one
        next(replicas)  # so that not everybody is on the same replica in each room
    return clients


@asynccontextmanager
async def talking(clients: Sequence[Client], pace_s: float = PACE_S) -> AsyncIterator[Talk]:
    """Let everybody talk until the block ends; what was said is in the outboxes then."""
    talk = Talk(clients, pace_s)
    talk.start()
    try:
        yield talk
    finally:
        await talk.stop()


class Talk:
    """A conversation that goes on by itself."""

    def __init__(self, clients: Sequence[Client], pace_s: float) -> None:
        self._clients = clients
        self._pace_s = pace_s
        self._tasks: list[asyncio.Task[None]] = []
        self.said = 0

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._talk(client)) for client in self._clients]

    async def stop(self) -> None:
        """Fall silent."""
        for outcome in await end(self._tasks):
            if isinstance(outcome, Exception):
                raise outcome

    async def goes_on(self, messages: int, timeout: float = 30.0) -> None:
        """Wait until so many more messages were acknowledged."""
        before = acknowledged(self._clients)
        await wait_until(
            lambda: acknowledged(self._clients) >= before + messages,
            timeout,
            f"{messages} more messages are acknowledged",
        )

    async def everybody_is_heard(self, since: float, timeout: float = 30.0) -> float:
        """Wait until everybody has said something after ``since`` that was acknowledged.

        Returns the seconds from ``since`` to the last of these acknowledgements.
        """
        moments: list[float] = []
        for client in self._clients:
            await client.until(
                lambda client=client: _first_taken(client, since) is not None,  # type: ignore[misc]
                "a new message is acknowledged",
                timeout,
            )
            moments.append(_first_taken(client, since) or since)
        return max(moments) - since

    async def _talk(self, client: Client) -> None:
        for number in itertools.count(1):
            if client.over is not None or not client.ledger.alive:
                return
            client.say(f"{client.ledger.who}: {number}")
            self.said += 1
            await asyncio.sleep(self._pace_s * random.uniform(0.5, 1.5))


def _first_taken(client: Client, since: float) -> float | None:
    taken = [
        sent.acknowledged_at
        for sent in client.ledger.sent.values()
        if sent.at >= since and sent.acknowledged_at is not None
    ]
    return min(taken, default=None)


def acknowledged(clients: Iterable[Client]) -> int:
    """Count the messages that are in Redis."""
    return sum(
        sent.acknowledged_at is not None
        for client in clients
        for sent in client.ledger.sent.values()
    )


def saved(clients: Iterable[Client]) -> int:
    """Count the messages that are in PostgreSQL."""
    return sum(
        sent.saved_at is not None for client in clients for sent in client.ledger.sent.values()
    )


def longest_wait(clients: Iterable[Client], since: float) -> float:
    """Return the longest time from saying to acknowledgement, of messages said from ``since``."""
    return max(
        (sent.acknowledged_at - sent.at)
        for client in clients
        for sent in client.ledger.sent.values()
        if sent.acknowledged_at is not None and sent.at >= since
    )


async def seconds_until_live(clients: Sequence[Client], since: float, timeout: float) -> float:
    """Wait until everybody hears the room on a connection that began after ``since``."""
    for client in clients:
        await client.until(
            lambda client=client: client.live and client.live_at > since,  # type: ignore[misc]
            "the room is heard again",
            timeout,
        )
    return max(client.live_at for client in clients) - since
