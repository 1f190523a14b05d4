"""A writer on real servers, and the world around it: a room, people who talk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from server.domain.positions import Position
from server.domain.rooms import Room
from server.runtime.settings import Settings
from server.state import drain, keys
from server.state.client import RedisClient, open_redis
from server.state.posts import Post, Posted, post
from server.state.rooms import Rooms as LiveRooms
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from server.writer.drain import Writer
from tests.storage.cast import ALICE

Running = Callable[..., AbstractAsyncContextManager[Writer]]


class World:
    """One room, and what a test asks about it."""

    def __init__(self, client: RedisClient, pool: Pool) -> None:
        self.client = client
        self.pool = pool
        self.messages = Messages(pool)
        self.rooms = Rooms(pool)
        self.live = LiveRooms(client)
        self._said = 0

    async def open_room(self, name: str = "kitchen") -> Room:
        """Make a room, with alice as its owner, in both stores."""
        room = await self.rooms.create(name, ALICE)
        snapshot = await self.rooms.snapshot(room.id, 50)
        assert snapshot is not None
        await self.live.hydrate(snapshot)
        return room

    async def say(self, room: Room, count: int) -> list[Posted]:
        """Let alice say ``count`` things."""
        first = self._said
        self._said += count
        batch = [
            Post(room.id, ALICE, f"c{number}", f"message {number}")
            for number in range(first, first + count)
        ]
        outcomes = await post(self.client, batch)
        posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
        assert len(posted) == count, outcomes
        return posted

    async def add(self, room: Room, kind: str, payload: bytes) -> None:
        """Put any bytes into the drain of a room."""
        await self.client.execute("XADD", self.drain_of(room), "*", kind, payload)

    def drain_of(self, room: Room) -> str:
        return keys.partition_keys(self.client.partition_of(room.id)).drain

    async def waiting(self) -> int:
        """Count the records that are not saved."""
        lengths = await drain.lengths(self.client, range(self.client.partitions))
        return sum(lengths.values())

    async def texts(self, room: Room) -> list[str | None]:
        """Read back what is saved of a room, without joins."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT text FROM messages WHERE room_id = $1 AND kind = 'm' ORDER BY epoch, seq",
                room.id,
            )
        return [row["text"] for row in rows]

    async def counted(self, room: Room) -> int:
        """Return the message count that PostgreSQL keeps for a room."""
        snapshot = await self.rooms.snapshot(room.id, 1)
        assert snapshot is not None
        return snapshot.messages

    async def watermark(self, room: Room) -> Position:
        """Return how far Redis says that a room is saved."""
        return (await self.live.enter(room.id, ALICE)).saved


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(send_rate=0, writer_sweep_s=0.1)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[RedisClient]:
    async with open_redis(settings) as client:
        yield client


@pytest.fixture
async def pool(settings: Settings, database_url: str) -> AsyncIterator[Pool]:
    # The test server forgets commits when it is killed; these tests are about that.
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    await connection.close()
    async with open_pool(settings) as pool:
        yield pool


@pytest.fixture
def world(client: RedisClient, pool: Pool) -> World:
    return World(client, pool)


@pytest.fixture
def running(client: RedisClient, pool: Pool, settings: Settings) -> Running:
    """Run a writer for as long as the block lasts; it stops cleanly at the end."""

    @asynccontextmanager
    async def run(kind: type[Writer] = Writer, **overrides: Any) -> AsyncIterator[Writer]:
        writer = kind(client, pool, settings.model_copy(update=overrides))
        stop = asyncio.Event()
        task = asyncio.create_task(writer.run(stop))
        try:
            yield writer
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)

    return run
