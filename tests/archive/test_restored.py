"""Redis goes back in time, to a backup; PostgreSQL knows what happened since."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from server.archive import Archive
from server.domain import events
from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.domain.rooms import Room, User, Visibility
from server.local.postgres import Postgres
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from server.state import changes, drain, presence
from server.state.changes import Change
from server.state.client import RedisClient
from server.state.posts import Post, Posted, post
from server.state.presence import PresenceChange
from server.storage.messages import Messages, Outlived
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from server.writer.backoff import Backoff
from server.writer.batch import Entry, decode, saved_by_partition
from server.writer.saver import Saver
from tests.archive.conftest import ALICE, BOB, texts
from tests.conftest import MakeSettings
from tests.helpers import wait_until

CAROL = User("carol", "Carol")


@pytest.fixture
def own_redis(server_folder: Path, tmp_path: Path) -> Iterator[Valkey]:
    """A Redis of this test alone, every write on disk before its answer."""
    server = Valkey(server_folder / tmp_path.name, options={"appendfsync": "always"})
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture
def settings(make_settings: MakeSettings, own_redis: Valkey) -> Settings:
    return make_settings(redis_url=own_redis.url, send_rate=0, partitions=1, log_events=10)


class Backup:
    """A copy of Redis's files, taken now."""

    def __init__(self, server: Valkey, client: RedisClient, keep: Path) -> None:
        self._server = server
        self._client = client
        self._kept = keep
        shutil.copytree(server.folder / "appendonlydir", keep)

    async def restore(self) -> None:
        """Let Redis be as it was then."""
        self._server.kill()
        files = self._server.folder / "appendonlydir"
        shutil.rmtree(files)
        shutil.copytree(self._kept, files)
        self._server.start()

        async def answers() -> bool:
            return not isinstance((await self._client.pipeline([("PING",)]))[0], Refusal)

        await wait_until(answers, description="Redis answers")


async def say(client: RedisClient, room: Room, *words: str) -> list[Posted]:
    outcomes = await post(client, [Post(room.id, ALICE, f"cid-{word}", word) for word in words])
    posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
    assert len(posted) == len(words), outcomes
    return posted


async def read(client: RedisClient) -> list[Entry]:
    assert await drain.take_leases(client, [0], "writer")
    return [decode(0, record) for record in (await drain.read(client, [0], 10_000)).get(0, [])]


async def commit(pool: Pool, entries: list[Entry]) -> None:
    await Saver(Messages(pool), Backoff(asyncio.Event())).save(entries)


async def acknowledge(client: RedisClient, entries: list[Entry]) -> None:
    for partition, saved in saved_by_partition(entries).items():
        assert await drain.acknowledge(client, partition, "writer", saved.last_id, saved.rooms)


async def save(client: RedisClient, pool: Pool) -> None:
    """Do the writer's work once."""
    entries = await read(client)
    await commit(pool, entries)
    await acknowledge(client, entries)


async def everything(archive: Archive, room: Room) -> list[bytes]:
    """Page back through the whole history."""
    found: list[bytes] = []
    before: Position | None = None
    while True:
        page = await archive.page(room.id, before=before, limit=7)
        found = page.events + found
        if not page.more:
            return found
        oldest = orjson.loads(page.events[0])
        before = Position(oldest["epoch"], oldest["seq"])


def places(found: list[bytes]) -> list[Position]:
    return [Position(each["epoch"], each["seq"]) for each in map(orjson.loads, found)]


@pytest.mark.fault(10)
async def test_history_after_an_older_backup_has_no_hole_and_no_position_twice(
    archive: Archive, client: RedisClient, pool: Pool, own_redis: Valkey, tmp_path: Path
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(kitchen.id, ALICE)
    old = await say(client, kitchen, *(f"old {n}" for n in range(20)))
    await save(client, pool)
    await say(client, kitchen, "in the drain of the backup")
    backup = Backup(own_redis, client, tmp_path / "backup")
    newer = await say(client, kitchen, *(f"newer {n}" for n in range(30)))
    await save(client, pool)
    [lost] = await say(client, kitchen, "never saved")
    await backup.restore()
    # Who was there when it was lost begins anew, who was before hears all that he missed.
    assert (await archive.resume(kitchen.id, lost.position)).mode == "reset"
    resumed = await archive.resume(kitchen.id, old[4].position)
    assert resumed.mode == "resumed"
    assert len(resumed.entries) == 15 + 1 + 30
    [fresh, again] = await say(client, kitchen, "fresh", "never saved")
    assert fresh.position.epoch > newer[-1].position.epoch
    assert fresh.position.seq == newer[-1].position.seq + 1
    assert not again.duplicate
    await save(client, pool)
    found = await everything(archive, kitchen)
    assert [place.seq for place in places(found)] == list(range(1, 54))
    assert all(one < other for one, other in pairwise(places(found)))
    assert texts(found)[20:22] == ["in the drain of the backup", "newer 0"]
    assert texts(found)[-2:] == ["fresh", "never saved"]
    stored = await Messages(pool).page(kitchen.id, limit=100)
    assert [event for _, _, event in stored] == found
    assert await Messages(pool).dead_letters(1) == []
    known = await archive.resume(kitchen.id, newer[-1].position)
    assert (known.mode, len(known.entries)) == ("resumed", 2)


@pytest.mark.fault(9)
async def test_who_sends_again_what_was_saved_hears_where_it_stands_though_redis_forgot(
    archive: Archive, client: RedisClient, pool: Pool
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(kitchen.id, ALICE)
    [kept, gone] = await say(client, kitchen, "kept", "gone")
    parts = events.deleted(kitchen.id, ALICE, "deletion")
    await changes.change(client, Change(kitchen.id, ALICE, "deletion", gone.position, parts))
    await save(client, pool)
    await client.execute("FLUSHALL")
    await archive.enter(kitchen.id, ALICE)
    [again, buried] = await say(client, kitchen, "kept", "gone")
    assert (again.duplicate, again.position, again.at) == (True, kept.position, kept.at)
    assert (buried.duplicate, buried.position) == (True, gone.position)


@pytest.mark.fault(10)
async def test_people_and_rooms_stay_as_they_were_left_after_an_older_backup(
    archive: Archive, client: RedisClient, pool: Pool, own_redis: Valkey, tmp_path: Path
) -> None:
    rooms = Rooms(pool)
    cellar = await rooms.create("Cellar", ALICE, Visibility.PRIVATE)
    attic = await rooms.create("Attic", ALICE)
    kitchen = await rooms.create("Kitchen", ALICE)
    for room in (attic, kitchen):
        await archive.enter(room.id, ALICE)
        await archive.enter(room.id, BOB)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO memberships (room_id, user_id, name, role)"
            " VALUES ($1, 'bob', 'Bob', 'member')",
            cellar.id,
        )
    await archive.enter(cellar.id, BOB)
    [first] = await say(client, kitchen, "hello")
    await save(client, pool)
    backup = Backup(own_redis, client, tmp_path / "backup")
    await archive.rooms.remove(cellar.id, BOB, "removed")
    assert (await archive.enter(kitchen.id, CAROL)).joined
    [second] = await say(client, kitchen, "welcome")
    await archive.rooms.read(kitchen.id, BOB, second.position)
    await rooms.delete(attic.id)
    await archive.rooms.delete(attic.id, ALICE)
    await save(client, pool)
    await backup.restore()
    with pytest.raises(Refusal, match="not_a_member"):
        await archive.enter(cellar.id, BOB)
    with pytest.raises(Refusal, match="room_gone"):
        await archive.enter(attic.id, ALICE)
    assert not (await archive.enter(kitchen.id, CAROL)).joined
    bob = await archive.enter(kitchen.id, BOB)
    assert (bob.read, bob.unread) == (second.position, 0)
    assert (await archive.enter(kitchen.id, ALICE)).position == second.position > first.position


@pytest.mark.fault(10)
async def test_a_backup_that_knows_all_that_is_saved_keeps_what_only_it_has(
    archive: Archive, client: RedisClient, pool: Pool, own_redis: Valkey, tmp_path: Path
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(kitchen.id, ALICE)
    await say(client, kitchen, "saved")
    await save(client, pool)
    [unsaved] = await say(client, kitchen, "unsaved")
    backup = Backup(own_redis, client, tmp_path / "backup")
    await backup.restore()
    assert (await archive.enter(kitchen.id, ALICE)).position == unsaved.position
    await save(client, pool)
    assert texts(await everything(archive, kitchen)) == ["saved", "unsaved"]


@pytest.mark.fault(10)
async def test_a_batch_that_was_on_its_way_when_redis_went_back_is_not_saved(
    archive: Archive, client: RedisClient, pool: Pool, own_redis: Valkey, tmp_path: Path
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(kitchen.id, ALICE)
    await say(client, kitchen, "before")
    await save(client, pool)
    backup = Backup(own_redis, client, tmp_path / "backup")
    [late] = await say(client, kitchen, "on its way")
    entries = await read(client)
    await backup.restore()
    # From now on another Redis has the word, which never heard of the batch.
    assert (await archive.enter(kitchen.id, ALICE)).position < late.position
    with pytest.raises(Outlived):
        await commit(pool, entries)
    [again] = await say(client, kitchen, "on its way")
    assert again.position.epoch > late.position.epoch
    await save(client, pool)
    assert texts(await everything(archive, kitchen)) == ["before", "on its way"]


@pytest.mark.fault(10)
async def test_ids_of_the_drain_go_on_after_the_saved_ones_whatever_the_clock_says(
    archive: Archive, client: RedisClient, pool: Pool, own_redis: Valkey
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(kitchen.id, ALICE)
    future = 9_000_000_000_000
    [entry] = [each for each in await read_after(client, kitchen) if each.row is not None][:1]
    await commit(pool, [entry._replace(id=b"%d-7" % future)])
    await client.execute("FLUSHALL")
    await archive.enter(kitchen.id, ALICE)
    [posted] = await say(client, kitchen, "later")
    [record] = await read(client)
    ms, _, seq = record.id.partition(b"-")
    assert (int(ms), int(seq)) > (future, 7)
    assert posted.position.epoch > (entry.row.epoch if entry.row else 0)


async def read_after(client: RedisClient, room: Room) -> list[Entry]:
    await say(client, room, "first")
    return await read(client)


@pytest.mark.fault(10)
async def test_a_new_redis_is_not_touched_while_postgresql_cannot_vouch_for_it(
    archive: Archive,
    client: RedisClient,
    pool: Pool,
    own_redis: Valkey,
    postgres_server: Postgres,
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(kitchen.id, ALICE)
    [known] = await say(client, kitchen, "known")
    postgres_server.stop()
    await say(client, kitchen, "an outage alone is no reason")
    await client.execute("FUNCTION", "FLUSH")
    with pytest.raises(Refusal, match="unavailable"):
        await archive.enter(kitchen.id, ALICE)
    postgres_server.start()

    async def entered() -> bool:
        try:
            await archive.enter(kitchen.id, ALICE)
        except Refusal:
            return False
        return True

    await wait_until(entered, description="PostgreSQL has vouched")
    assert len((await archive.resume(kitchen.id, START)).entries) == 2
    assert known.position.seq == 1


@pytest.mark.fault(10)
async def test_who_is_online_is_registered_again_after_an_older_backup(
    archive: Archive, client: RedisClient, pool: Pool, own_redis: Valkey, tmp_path: Path
) -> None:
    kitchen = await Rooms(pool).create("Kitchen", ALICE)
    for person in (ALICE, BOB, CAROL):
        await archive.enter(kitchen.id, person)
    alice, bob, carol = (
        PresenceChange(kitchen.id, f"connection-of-{person.id}", person, online=True)
        for person in (ALICE, BOB, CAROL)
    )
    await presence.register(client, "replica", [alice, bob])
    await presence.register(client, "dead", [carol])
    await save(client, pool)
    backup = Backup(own_redis, client, tmp_path / "backup")
    await presence.register(client, "replica", [bob._replace(online=False)])
    await say(client, kitchen, "after the backup")
    await save(client, pool)
    await backup.restore()
    await archive.enter(kitchen.id, ALICE)
    assert await presence.renew(client, "replica", [0]) == {0}
    await presence.register(client, "replica", [alice])
    assert [person.id for person in await archive.rooms.people(kitchen.id)] == ["alice"]
