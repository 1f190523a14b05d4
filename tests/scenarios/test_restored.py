"""Redis comes back emptied, or as it was a while ago; PostgreSQL from a backup, without Redis."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis

from server.domain.positions import START, Position
from server.local.postgres import Postgres
from server.local.valkey import Valkey
from tests.databases import Databases
from tests.figures import Figure
from tests.helpers import REDIS_KINDS, wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.load import acknowledged, saved, talking, town
from tests.scenarios.person import Person

BACK_S = 10.0
"""The promise: so many seconds after Redis has lost everything, people talk again."""


@pytest.fixture
def own_redis(server_folder: Path, tmp_path: Path) -> Iterator[Valkey]:
    """A Redis of this test alone, with the persistence of production."""
    server = Valkey(server_folder / tmp_path.name)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.mark.fault(9)
@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_redis_emptied_under_load_is_filled_again(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with make_system() as system:
        clients = await town(system)
        writer = system.writers[0]
        async with talking(clients) as talk:
            await talk.goes_on(100)
            for behind in (False, True):
                if behind:
                    writer.stop()  # what is said now is in Redis alone
                    await talk.goes_on(60)
                async with Redis.from_url(redis_url) as redis:
                    await redis.flushall()
                    await redis.execute_command("FUNCTION", "FLUSH", "SYNC")
                emptied = time.monotonic()
                writer.cont()
                took = await talk.everybody_is_heard(since=emptied)
                figure("everybody talked again after Redis was emptied", took, "s")
                assert took < BACK_S
                await talk.goes_on(100)
        await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said


@pytest.mark.fault(10)
async def test_an_older_copy_of_redis_costs_no_saved_message_and_no_position(
    make_system: MakeSystem, own_redis: Valkey, tmp_path: Path, figure: Figure
) -> None:
    files = own_redis.folder / "appendonlydir"
    # A writer that looks for deleted rooms may be the first to touch the older copy.
    async with make_system(redis_url=own_redis.url, deletion_sweep_s=0.1) as system:
        clients = await town(system)
        alice, bob = clients[0].person, clients[1].person
        hall = await alice.create_room("Hall")
        doomed, ghost = await alice.open(hall), await bob.open(hall, replica=1)
        kitchen = clients[0].room
        async with talking(clients) as talk:
            await talk.goes_on(100)
            await ghost.is_saved(ghost.say("this room will be gone"))
            shutil.copytree(files, tmp_path / "backup")
            copied = {client.ledger.who: client.last for client in clients}
            await alice.delete_room(hall)
            for client in (doomed, ghost):
                assert await client.is_over() == "room_gone"
            ivan = await system.register("ivan")
            late = await ivan.open(kitchen)
            await talk.goes_on(200)
            own_redis.kill()
            shutil.rmtree(files)
            shutil.copytree(tmp_path / "backup", files)
            own_redis.start()
            back = time.monotonic()
            took = await talk.everybody_is_heard(since=back)
            figure("everybody talked again after an older Redis was there", took, "s")
            assert took < BACK_S
            await talk.goes_on(100)
        await late.is_saved(late.say("I came after the copy"))
        await _room_is_gone(alice, hall)
        evidence = await acquit(system, moved=True)
        assert evidence.dead_letters == 0
        assert acknowledged(clients) == saved(clients)
        for client in clients:
            then, now = copied[client.ledger.who], client.last
            assert then is not None
            assert now is not None
            assert now.epoch > then.epoch
        await _has_all([*clients, late])
        assert [row.kind for row in await rows_of(system, kitchen)].count("j") == 4, (
            "somebody had to join again"
        )


async def _room_is_gone(person: Person, room: str) -> None:
    system = person.system
    for replica in system.replicas:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await system.http.ws_connect(f"{replica.ws_url}/ws/{room}", headers=person.bearer)
        assert refused.value.status in {404, 410}


async def _has_all(clients: list[Client]) -> None:
    """Page back by HTTP: the same as is stored, without a hole."""
    for client in clients[::4]:
        stored = [row.position for row in await rows_of(client.person.system, client.room)]
        found: list[Position] = []
        before = ""
        while True:
            path = f"/api/v1/rooms/{client.room}/messages?limit=100{before}"
            answer = await client.person.get(path)
            assert answer.status == 200, answer.text
            events = answer.json["events"]
            found = [Position(each["epoch"], each["seq"]) for each in events] + found
            if not answer.json["more"]:
                break
            before = f"&before={found[0]}"
        assert found == stored
        assert [place.seq for place in found][:1] == [1]


@pytest.mark.fault(47)
async def test_a_copy_of_the_database_and_an_empty_redis_make_a_whole_chat(
    make_system: MakeSystem,
    redis_url: str,
    postgres_server: Postgres,
    databases: Databases,
    figure: Figure,
) -> None:
    async with make_system(writers=1) as system:
        clients = await town(system, rooms=2)
        async with talking(clients) as talk:
            await talk.goes_on(150)
        before = await acquit(system)
        history = {client.room: before.rows[client.room] for client in clients}
        passwords = dict(system.people)
    name = databases.create(migrated=False)
    try:
        await _copy(system.database_url, postgres_server, name)
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
            await redis.execute_command("FUNCTION", "FLUSH", "SYNC")
        async with make_system(database_url=postgres_server.url_of(name)) as restored:
            began = time.monotonic()
            again = []
            for known in passwords.values():
                person = Person(restored, known.name, known.email)
                person.id = known.id
                await person.log_in()
                restored.people[known.name] = person
                again += [
                    await person.open(room, number % 2, START)
                    for number, room in enumerate(sorted(history))
                ]
            figure("everybody was back in a restored system", time.monotonic() - began, "s")
            for client in again:
                newest = history[client.room][-1].position
                await client.has_heard(newest)
                assert len(client.ledger.screen) == len(history[client.room])
            async with talking(again) as more:
                await more.goes_on(60)
            evidence = await acquit(restored)
            for room, rows in history.items():
                assert evidence.rows[room][: len(rows)] == rows
                first = evidence.rows[room][len(rows)].position
                assert first.epoch > rows[-1].position.epoch
                assert first.seq == rows[-1].position.seq + 1
            assert restored.errors() == []
    finally:
        await asyncio.to_thread(databases.drop, name)


async def _copy(database_url: str, server: Postgres, name: str) -> None:
    """Make database ``name`` a copy of another one, as a restored backup is."""
    import asyncpg

    source = database_url.rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(server.url, timeout=10)
    try:
        await connection.execute(f"DROP DATABASE {name}", timeout=20)

        async def alone() -> bool:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
            return not await connection.fetchval(query, source)

        await wait_until(alone, description="nobody uses the database")
        await connection.execute(
            f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY", timeout=30
        )
    finally:
        await connection.close(timeout=5)
