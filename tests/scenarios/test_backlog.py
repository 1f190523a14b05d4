"""Nothing can be saved for so long that no more fits: senders keep their words, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest

from server.domain.positions import Position
from server.local.postgres import Postgres
from server.state import keys
from tests.figures import Figure
from tests.helpers import REDIS_KINDS, wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_postgres, open_redis, room_state, unsaved_records
from tests.scenarios.load import acknowledged, saved, talking, town
from tests.scenarios.person import Person
from tests.scenarios.system import System

LIMIT = 60
BACK_S = 15.0
"""The writer looks for a PostgreSQL that was away for long at most every 10 s."""


@pytest.mark.fault(19)
async def test_a_drain_at_its_limit_refuses_keeps_everything_and_recovers_by_itself(
    make_system: MakeSystem, postgres_server: Postgres, figure: Figure
) -> None:
    async with make_system(drain_limit=LIMIT) as system:
        await _commit_to_disk(system)
        clients = await town(system)
        ivan = await system.register("ivan")
        assert (await ivan.get("/api/v1/me")).status == 200  # Redis knows his session now
        async with (
            open_redis(system) as redis,
            _never_longer_than_the_limit(redis, system),
            talking(clients) as talk,
        ):
            await talk.goes_on(60)
            postgres_server.kill()
            known = saved(clients)
            await wait_until(lambda: _refused(clients) > 8, 40, "most senders are refused")
            for replica in range(2):
                ready = await clients[0].person.get("/readyz", replica=replica)
                assert (ready.status, ready.json["degraded"]) == (200, ["postgresql"])
            # Who is in may come back and mark what he has read; nobody new gets in.
            clients[0].cut()
            await clients[0].come_back(replica=1)
            last = clients[0].last
            assert last is not None
            await clients[0].ask("read", room=clients[0].room, **last._asdict())
            refused = await _answer_to_subscribe(ivan, clients[0].room)
            assert refused["err"]["code"] == "storage_backlog"
            assert refused["err"]["retry_ms"] > 0
            assert saved(clients) <= known + 60
            await wait_until(lambda: "full" in _backlog_states(system), description="it is said")
            postgres_server.start()
            back = time.monotonic()
            waiting = talk.said
            await wait_until(lambda: saved(clients) >= waiting - len(clients), 60, "all is saved")
            took = time.monotonic() - back
            figure("a full drain was saved after PostgreSQL was back", took, "s")
            assert took < BACK_S

            async def he_is_in() -> bool:
                return "ok" in await _answer_to_subscribe(ivan, clients[0].room)

            await wait_until(he_is_in, 20, "a stranger may join again", interval=0.2)
        await acquit(system)
        assert acknowledged(clients) == saved(clients) == talk.said
        await wait_until(lambda: _backlog_states(system)[-1] == "fine", description="space is told")


async def _commit_to_disk(system: System) -> None:
    """A server that is killed must have waited for its disk, unlike the one of the tests."""
    async with open_postgres(system) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    for writer in system.writers:
        writer.kill()
        await writer.start()


@asynccontextmanager
async def _never_longer_than_the_limit(redis: Any, system: System) -> AsyncIterator[None]:
    """Look all the time; fail when a drain is longer than its limit."""
    names = [keys.partition_keys(partition).drain for partition in range(system.partitions)]
    most, over = 0, False

    async def look() -> None:
        nonlocal most
        # A word, not a cancellation: redis-py takes that for a lost connection and goes on.
        while not over:
            most = max(most, *[await redis.xlen(name) for name in names])
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        over = True
        await looking
    assert most == LIMIT, most


def _refused(clients: Sequence[Client]) -> int:
    return sum("storage_backlog" in each.ledger.passing for each in clients)


def _backlog_states(system: System) -> list[str]:
    return [
        record["backlog"]
        for writer in system.writers
        for record in writer.records()
        if "backlog" in record
    ]


async def _answer_to_subscribe(person: Person, room: str) -> dict[str, Any]:
    """Come in as somebody who was never there; returns the answer to that."""
    system = person.system
    url = f"{system.replicas[0].ws_url}/ws"
    async with (
        system.http.ws_connect(url, headers=person.bearer) as ws,
        asyncio.timeout(10),
    ):
        await ws.send_json({"op": "subscribe", "id": "1", "room": room})
        async for message in ws:
            assert message.type is aiohttp.WSMsgType.TEXT
            frame: dict[str, Any] = orjson.loads(message.data)
            if frame.get("re") == "1":
                return frame
    raise AssertionError("there was no answer")


# --- Redis's memory -----------------------------------------------------------------------


@pytest.mark.fault(22)
@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_a_full_redis_refuses_whole_messages_serves_readers_and_recovers_by_saving(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with make_system(log_events=20, redis_url=redis_url) as system:
        clients = await town(system, rooms=2, inhabitants=3)
        async with open_redis(system) as redis, _memory(redis) as limit:
            for client in clients:
                await client.is_saved(client.say("everybody is here"))
            writer = system.writers[0]
            writer.stop()
            for client in clients:
                for number in range(40):
                    client.say(f"{number} " + "long words " * 300)
            for client in clients:
                await client.until(lambda client=client: _all_taken(client), "all is in Redis")  # type: ignore[misc]
            heaviest = (await redis.info("memory"))["used_memory"]
            await limit(heaviest - 150_000)
            before = [await _newest(redis, system, client) for client in clients]
            for client in clients:
                client.say("there is no space for this")
            await wait_until(
                lambda: all("storage_backlog" in each.ledger.passing for each in clients),
                20,
                "everybody is refused",
            )
            assert [await _newest(redis, system, client) for client in clients] == before
            # Readers come and go, and hear what they missed.
            clients[0].cut()
            await clients[0].come_back(replica=1)
            page = await clients[0].person.get(f"/api/v1/rooms/{clients[0].room}/messages?limit=5")
            assert (page.status, len(page.json["events"])) == (200, 5)
            assert (await clients[0].person.get("/readyz")).status == 200
            writer.cont()
            began = time.monotonic()
            for client in clients:
                await client.is_settled()
            figure("a full Redis took messages again", time.monotonic() - began, "s")
            assert await unsaved_records(redis, system) == 0
            async with talking(clients) as talk:
                await talk.goes_on(30)
        await acquit(system)


def _all_taken(client: Client) -> bool:
    return all(each.acknowledged_at is not None for each in client.ledger.sent.values())


async def _newest(redis: Any, system: System, client: Client) -> Position:
    state = await room_state(redis, system, client.room)
    assert state is not None
    return state.newest


@asynccontextmanager
async def _memory(redis: Any) -> AsyncIterator[Any]:
    """Give the means to bound the memory of Redis for as long as the block lasts."""

    async def limit(most: int) -> None:
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", most)

    try:
        yield limit
    finally:
        await limit(0)
