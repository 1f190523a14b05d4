"""Duplicate detection: exact for what is not saved, and bounded by the people who talk."""

from __future__ import annotations

import pytest

from server.domain import events
from server.domain.positions import Position
from server.state import drain, keys
from server.state.changes import Change, change
from server.state.client import RedisClient, open_redis
from server.state.posts import Post, Posted, post
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS
from tests.state.conftest import ALICE, snapshot

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)

BOUND = 3072
"""Bytes of one sender, all saved and old: what the library keeps, and a few entries more."""

OLD = 1_000_000_000_000
"""A time that is past, Unix ms."""


async def say(client: RedisClient, numbers: range) -> list[Posted]:
    """Alice says something under 32 letters of cid for each number."""
    batch = [Post("kitchen", ALICE, f"{number:032d}", "hi") for number in numbers]
    outcomes = await post(client, batch)
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
    return outcomes  # type: ignore[return-value]  # asserted above


async def save(client: RedisClient, position: Position) -> None:
    """Acknowledge everything, as a writer does."""
    partition = client.partition_of("kitchen")
    await drain.take_leases(client, [partition], "writer")
    last = (await drain.read(client, [partition], 100_000))[partition][-1].id
    assert await drain.acknowledge(client, partition, "writer", last, {"kitchen": position})


def seen_of(client: RedisClient) -> str:
    return keys.seen(client.partition_of("kitchen"), "kitchen", ALICE.id)


async def test_everything_that_is_not_saved_is_known_again_however_much_it_is(
    client: RedisClient, rooms: Rooms
) -> None:
    said = await say(client, range(300))
    again = await say(client, range(300))
    assert [each.position for each in again] == [each.position for each in said]
    assert [each.at for each in again] == [each.at for each in said]
    assert all(each.duplicate for each in again)


async def test_of_what_is_saved_and_old_the_last_is_known_and_the_rest_let_go(
    client: RedisClient, rooms: Rooms
) -> None:
    [said] = await say(client, range(1))
    await save(client, said.position)
    for start in range(100, 1100, 10):
        lines = (b"\n%032d 1-%d-%d" % (number, number, OLD) for number in range(start, start + 10))
        await client.execute("APPEND", seen_of(client), b"".join(lines))
        await say(client, range(10_000 + start, 10_001 + start))
        assert await client.execute("STRLEN", seen_of(client)) < BOUND
    assert all(each.duplicate for each in await say(client, range(1090, 1100)))
    assert [each.duplicate for each in await say(client, range(100, 105))] == [False] * 5


async def test_what_was_said_just_now_is_known_again_though_it_is_saved(
    client: RedisClient, rooms: Rooms
) -> None:
    said = await say(client, range(300))
    await save(client, said[-1].position)
    await say(client, range(300, 301))
    again = await say(client, range(300))
    assert [each.position for each in again] == [each.position for each in said]


async def test_what_is_not_saved_stays_however_old_it_is(client: RedisClient, rooms: Rooms) -> None:
    [said] = await say(client, range(1))
    await save(client, said.position)
    epoch = said.position.epoch + 1
    lines = [b"\n%032d %d-%d-%d" % (number, epoch, number, OLD) for number in range(100, 300)]
    await client.execute("APPEND", seen_of(client), b"".join(lines))
    await say(client, range(1, 10))
    assert all(each.duplicate for each in await say(client, range(100, 300)))


async def test_a_room_that_comes_back_still_knows_what_its_tail_does_not_have(
    client: RedisClient, rooms: Rooms
) -> None:
    first, second = await say(client, range(2))
    # Redis went back behind what PostgreSQL has: its rooms are cold, what was said is not gone.
    head = keys.partition_keys(client.partition_of("kitchen")).head
    await client.execute("HSET", head, "generation", "1")
    moved = Position(second.position.epoch, second.position.seq + 3)
    parts = events.message("kitchen", ALICE, f"{1:032d}", "hi")
    tail = [(moved, "m", events.assemble(parts, moved, second.at))]
    assert await rooms.hydrate(snapshot("kitchen", last=moved, messages=2, tail=tail))
    again = await say(client, range(2))
    assert [each.duplicate for each in again] == [True, True]
    # PostgreSQL knows where the second one stands by now.
    assert [each.position for each in again] == [first.position, moved]


async def test_it_is_remembered_for_its_time_after_the_last_word(
    client: RedisClient, rooms: Rooms
) -> None:
    whole_ms = client.settings.seen_s * 1000
    for number in range(3):
        await say(client, range(number, number + 1))
        assert whole_ms - 60_000 < await client.execute("PTTL", seen_of(client)) <= whole_ms
    # As after a long talk: the next word puts the end off.
    old = b"\n%032d 1-1-%d" % (0, OLD)
    await client.execute("SET", seen_of(client), old, "PX", 5_000)
    await say(client, range(7, 8))
    assert await client.execute("PTTL", seen_of(client)) > whole_ms - 60_000
    assert (await say(client, range(1)))[0].duplicate


async def test_deletions_are_remembered_as_long_as_the_log_has_their_messages(
    redis_url: str, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings(log_events=10, send_rate=0)) as client:
        await Rooms(client).hydrate(snapshot("kitchen"))
        gone = keys.room_keys(client.partition_of("kitchen"), "kitchen").gone
        for number in range(300):
            [said] = await say(client, range(number, number + 1))
            parts = events.deleted("kitchen", ALICE, f"x{number}")
            made = await change(
                client, Change("kitchen", ALICE, f"x{number}", said.position, parts)
            )
            if number % 50 == 0:
                await save(client, made.position)
        # A log is trimmed by whole nodes of 100 entries, two for each deletion here.
        assert await client.execute("HLEN", gone) <= 110
