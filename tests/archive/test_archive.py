"""A room has one history, wherever it lies, without a seam."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from server.archive import Archive
from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.domain.rooms import Room, User, Visibility
from server.local.postgres import Postgres
from server.state.client import RedisClient
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from tests.archive.conftest import ALICE, BOB, forget, save, say, texts


@pytest.fixture
async def kitchen(pool: Pool) -> Room:
    return await Rooms(pool).create("Kitchen", ALICE)


async def test_a_cold_room_is_entered_by_many_and_hydrated_once(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    people = [User(f"person{n}", "P") for n in range(20)]
    entered = await asyncio.gather(*(archive.enter(kitchen.id, person) for person in people))
    assert sorted(entry.position.seq for entry in entered) == list(range(1, 21))
    owner = await archive.enter(kitchen.id, ALICE)
    assert (owner.role, owner.joined) == ("owner", False)


async def test_a_room_that_never_was_and_a_deleted_one_are_told_apart(
    archive: Archive, pool: Pool, kitchen: Room
) -> None:
    with pytest.raises(Refusal, match="room_not_found"):
        await archive.enter("nowhere", ALICE)
    await Rooms(pool).delete(kitchen.id)
    for _ in range(2):
        with pytest.raises(Refusal, match="room_gone"):
            await archive.enter(kitchen.id, ALICE)


async def test_a_private_room_stays_private_after_redis_forgot_it(
    archive: Archive, client: RedisClient, pool: Pool
) -> None:
    attic = await Rooms(pool).create("Attic", ALICE, Visibility.PRIVATE)
    await archive.enter(attic.id, ALICE)
    await forget(client)
    with pytest.raises(Refusal, match="not_a_member"):
        await archive.enter(attic.id, BOB)


@pytest.mark.parametrize("heard", [0, 1, 99, 250, 289, 290, 295, 299, 300])
async def test_a_resume_from_any_point_has_every_event_once(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room, heard: int
) -> None:
    await archive.enter(kitchen.id, ALICE)
    positions = await say(client, kitchen.id, range(290))
    await save(client, pool, kitchen.id)
    positions += await say(client, kitchen.id, range(290, 300))
    start = START if heard == 0 else positions[heard - 1]
    synced = await archive.resume(kitchen.id, start)
    assert synced.mode == "resumed"
    assert [entry.position for entry in synced.entries] == positions[heard:]
    assert texts(entry.event for entry in synced.entries) == [str(n) for n in range(heard, 300)]


async def test_what_postgresql_gives_back_are_the_bytes_that_went_live(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    await archive.enter(kitchen.id, BOB)
    await say(client, kitchen.id, range(30))
    live = [entry.event for entry in (await archive.resume(kitchen.id, START)).entries]
    await save(client, pool, kitchen.id)
    await forget(client)
    stored = [entry.event for entry in (await archive.resume(kitchen.id, START)).entries]
    assert stored == live
    assert len(live) == 31


async def test_too_much_missed_and_a_foreign_position_are_a_reset(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    await archive.enter(kitchen.id, ALICE)
    positions = await say(client, kitchen.id, range(401))
    await save(client, pool, kitchen.id)
    strange = Position(positions[5].epoch - 1, 6)
    for start in (START, strange, Position(positions[-1].epoch, 402)):
        synced = await archive.resume(kitchen.id, start)
        assert synced.mode == "reset"
        assert texts(e.event for e in synced.entries) == ["396", "397", "398", "399", "400"]
        assert synced.position == positions[-1]


async def test_a_hole_in_postgresql_is_never_papered_over(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    await archive.enter(kitchen.id, ALICE)
    positions = await say(client, kitchen.id, range(200))
    await save(client, pool, kitchen.id)
    await say(client, kitchen.id, range(200, 210))
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM messages WHERE seq = 40")
    assert (await archive.resume(kitchen.id, positions[9])).mode == "reset"
    assert (await archive.resume(kitchen.id, positions[60])).mode == "resumed"


async def test_pages_walk_through_both_stores_without_a_seam(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    await archive.enter(kitchen.id, ALICE)
    positions = await say(client, kitchen.id, range(280))
    await save(client, pool, kitchen.id)
    positions += await say(client, kitchen.id, range(280, 300))
    back: list[str] = []
    page = await archive.page(kitchen.id, limit=7)
    assert page.position == positions[-1]
    assert page.saved == positions[279]
    while True:
        back = texts(page.events) + back
        if not page.more:
            break
        first = orjson.loads(page.events[0])
        edge = Position(first["epoch"], first["seq"])
        page = await archive.page(kitchen.id, before=edge, limit=7)
    assert back == [str(n) for n in range(300)]
    forth: list[str] = []
    edge, more = START, True
    while more:
        page = await archive.page(kitchen.id, after=edge, limit=7)
        forth += texts(page.events)
        last = orjson.loads(page.events[-1])
        edge, more = Position(last["epoch"], last["seq"]), page.more
    assert forth == back


async def test_without_postgresql_recent_history_stays_readable(
    archive: Archive,
    client: RedisClient,
    pool: Pool,
    kitchen: Room,
    postgres_server: Postgres,
) -> None:
    await archive.enter(kitchen.id, ALICE)
    empty = await Rooms(pool).create("Empty", ALICE)
    await archive.enter(empty.id, ALICE)
    positions = await say(client, kitchen.id, range(300))
    await save(client, pool, kitchen.id)
    await say(client, kitchen.id, range(300, 310))
    postgres_server.stop()
    assert (await archive.page(empty.id, limit=10)).events == []
    page = await archive.page(kitchen.id, limit=500)
    assert page.more
    assert texts(page.events)[-1] == "309"
    assert (await archive.resume(kitchen.id, positions[-1])).mode == "resumed"
    with pytest.raises(Refusal, match="room_unavailable"):
        await archive.resume(kitchen.id, positions[10])
    with pytest.raises(Refusal, match="room_unavailable"):
        await archive.page(kitchen.id, before=positions[10], limit=5)
    with pytest.raises(Refusal, match="unavailable"):
        await archive.enter("elsewhere", ALICE)


async def test_a_position_from_before_a_loss_resumes_when_nothing_was_lost(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    await archive.enter(kitchen.id, ALICE)
    positions = await say(client, kitchen.id, range(20))
    await save(client, pool, kitchen.id)
    lost = await say(client, kitchen.id, range(20, 22))
    await forget(client)
    await archive.enter(kitchen.id, ALICE)
    again = await say(client, kitchen.id, range(20, 23))
    assert again[0] > lost[-1]
    for heard in (5, 20):
        synced = await archive.resume(kitchen.id, positions[heard - 1])
        assert synced.mode == "resumed"
        assert texts(e.event for e in synced.entries) == [str(n) for n in range(heard, 23)]
    # Whoever saw what is lost starts afresh.
    assert (await archive.resume(kitchen.id, lost[-1])).mode == "reset"
