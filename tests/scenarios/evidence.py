"""Waits until nothing is on its way any more, and gathers what the judge needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from server.domain.positions import parse_position
from server.domain.records import Row
from server.state import keys
from tests.clusters.door import open_door
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.judge import Evidence, RoomState, judge
from tests.scenarios.system import System

SETTLE_S = 60.0
"""Until everything is saved and shown, after a fault, on a busy machine."""

_COLUMNS = "room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data"


@asynccontextmanager
async def open_postgres(system: System) -> AsyncIterator[Any]:
    """Connect to the system's database."""
    connection = await asyncpg.connect(system.database_url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=10)


@asynccontextmanager
async def open_redis(system: System) -> AsyncIterator[Any]:
    """Connect to the system's Redis, or to the masters of its Cluster or Sentinels."""
    password = str(system.settings.get("redis_sentinel_password", ""))
    async with open_door(system.redis_url, password) as client:
        yield client


async def rows_of(system: System, room: str) -> list[Row]:
    """Read what PostgreSQL has of a room, in order."""
    async with open_postgres(system) as connection:
        found = await connection.fetch(
            f"SELECT {_COLUMNS} FROM messages WHERE room_id = $1 ORDER BY epoch, seq", room
        )
    return [Row(*record) for record in found]


async def unsaved_records(redis: Any, system: System) -> int:
    """Count the records that wait for a writer."""
    return sum([await redis.xlen(keys.partition_keys(p).drain) for p in range(system.partitions)])


async def room_state(redis: Any, system: System, room: str) -> RoomState | None:
    """Read a room in Redis; None where it is cold or deleted."""
    partition = keys.partition_of(room, system.partitions)
    names = keys.room_keys(partition, room)
    state, generation, place, saved = await redis.hmget(
        names.room, ["state", "generation", "place", "saved"]
    )
    now = await redis.hget(keys.partition_keys(partition).head, "generation")
    if state != b"live" or (generation or b"") != (now or b""):
        return None
    log = [
        (parse_position(entry.decode()), event)
        for entry, values in await redis.xrange(names.log)
        for event in values.values()
    ]
    stands = parse_position(place.decode().split()[0])
    return RoomState(stands, parse_position(saved.decode()), log)


@asynccontextmanager
async def saving_is_held_up(system: System) -> AsyncIterator[None]:
    """Enter the block when a writer stands in the middle of its transaction."""
    waiting = """
        SELECT count(*) FROM pg_locks
        WHERE relation = 'messages'::regclass AND NOT granted
    """
    async with open_postgres(system) as holder, open_postgres(system) as looker:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("LOCK TABLE messages IN EXCLUSIVE MODE")

        async def somebody_waits() -> bool:
            return bool(await looker.fetchval(waiting))

        await wait_until(somebody_waits, 30, "a writer is in the middle of saving")
        yield
        await transaction.rollback()


async def settle(system: System, clients: Sequence[Client], timeout: float = SETTLE_S) -> None:
    """Wait until outboxes and drains are empty and everybody who lives has heard everything."""
    living = [client for client in clients if client.ledger.alive and client.over is None]
    for client in living:
        await client.is_settled(timeout)
    async with open_redis(system) as redis:

        async def drained() -> bool:
            return await unsaved_records(redis, system) == 0

        await wait_until(drained, timeout, "the drain is empty", interval=0.05)
        for client in living:
            state = await room_state(redis, system, client.room)
            if state is not None:
                await client.has_heard(state.newest, timeout)


async def gather(system: System, clients: Sequence[Client], *, moved: bool = False) -> Evidence:
    """Read PostgreSQL and Redis as they are now."""
    rooms = sorted({client.room for client in clients})
    async with open_postgres(system) as connection:
        dead = await connection.fetchval("SELECT count(*) FROM dead_letters")
    async with open_redis(system) as redis:
        states = {room: await room_state(redis, system, room) for room in rooms}
        left = await unsaved_records(redis, system)
    return Evidence(
        [client.ledger for client in clients],
        {room: await rows_of(system, room) for room in rooms},
        {room: state for room, state in states.items() if state is not None},
        drained=left == 0,
        dead_letters=dead,
        moved=moved,
    )


async def acquit(system: System, *, moved: bool = False, timeout: float = SETTLE_S) -> Evidence:
    """Wait until everything is settled, then fail with every problem that the judge finds."""
    await settle(system, system.clients, timeout)
    evidence = await gather(system, system.clients, moved=moved)
    problems = judge(evidence)
    assert not problems, "\n".join(problems[:20])
    return evidence
