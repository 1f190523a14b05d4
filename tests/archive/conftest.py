"""An archive over real servers, and what tests do to its rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import orjson
import pytest

from server.archive import Archive
from server.domain.positions import Position
from server.domain.records import row_of
from server.domain.rooms import User
from server.runtime.settings import Settings
from server.state import drain
from server.state.client import RedisClient, open_redis
from server.state.posts import Post, Posted, post
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool
from tests.conftest import MakeSettings

ALICE = User("alice", "Alice")
BOB = User("bob", "Bob")


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """A log so short that PostgreSQL is asked for almost everything."""
    return make_settings(send_rate=0, log_events=10, resume_events=400, reset_events=5)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[RedisClient]:
    async with open_redis(settings) as opened:
        yield opened


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with open_pool(settings) as opened:
        yield opened


@pytest.fixture
def archive(client: RedisClient, pool: Pool, settings: Settings) -> Archive:
    client.remember_by(Messages(pool).begin_reigns)
    return Archive(client, pool, settings)


async def say(client: RedisClient, room: str, numbers: Iterable[int]) -> list[Position]:
    """Alice counts, in batches; every message gets through."""
    batch = [Post(room, ALICE, f"c{n}", str(n)) for n in numbers]
    positions = []
    for start in range(0, len(batch), 50):
        for outcome in await post(client, batch[start : start + 50]):
            assert isinstance(outcome, Posted), outcome
            positions.append(outcome.position)
    return positions


async def save(client: RedisClient, pool: Pool, room: str) -> None:
    """Do the writer's work once: commit everything, then acknowledge it."""
    partition = client.partition_of(room)
    assert await drain.take_leases(client, [partition], "writer")
    records = (await drain.read(client, [partition], 10_000)).get(partition, [])
    rows = [row_of(record.kind, record.payload) for record in records if record.kind != "r"]
    if rows:
        await Messages(pool).insert(rows)
        top = {room: max(row.position for row in rows)}
        assert await drain.acknowledge(client, partition, "writer", records[-1].id, top)


def texts(events: Iterable[bytes]) -> list[str]:
    return [event["text"] for event in map(orjson.loads, events) if event["ev"] == "message"]


async def forget(client: RedisClient) -> None:
    """Redis comes back empty."""
    await client.execute("FLUSHALL")
