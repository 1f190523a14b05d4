"""Rooms begin, let people in, and end."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from server.domain.errors import Refusal
from server.domain.positions import START
from server.domain.rooms import Role, User, Visibility
from server.state import drain, history, keys
from server.state.client import RedisClient
from server.state.posts import Post, Posted, post
from server.state.presence import PresenceChange, register
from server.state.rooms import Cold, Rooms
from tests.helpers import REDIS_KINDS
from tests.state.conftest import ALICE, BOB, MALLORY, snapshot
from tests.state.test_posts import code_of, say

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)


async def test_a_stranger_joins_a_public_room_once(client: RedisClient, rooms: Rooms) -> None:
    first = await rooms.enter("kitchen", BOB)
    assert (first.role, first.joined, first.position.seq, first.unread) == (
        Role.MEMBER,
        True,
        1,
        0,
    )
    second = await rooms.enter("kitchen", BOB)
    assert (second.joined, second.position) == (False, first.position)
    [entry] = (await history.sync(client, "kitchen", START, 10, 5)).entries
    assert entry.kind == "j"
    assert orjson.loads(entry.event)["user"] == {"id": "bob", "name": "Bob"}


async def test_a_private_room_lets_only_members_in(client: RedisClient) -> None:
    rooms = Rooms(client)
    await rooms.hydrate(snapshot("attic", visibility=Visibility.PRIVATE))
    assert (await rooms.enter("attic", ALICE)).role is Role.OWNER
    with pytest.raises(Refusal, match="not_a_member"):
        await rooms.enter("attic", MALLORY)


async def test_many_are_let_in_again_in_one_call_as_if_each_had_come(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.enter("kitchen", BOB)
    members = keys.room_keys(client.partition_of("kitchen"), "kitchen").members
    await client.execute("HSET", members, "mallory", "banned Mallory")
    guests = [User(f"guest{n}", f"Guest {n}") for n in range(450)]
    before = (await rooms.enter("kitchen", ALICE)).position
    assert await rooms.admit("kitchen", [ALICE, BOB, MALLORY, *guests]) == {"mallory"}
    top = (await rooms.enter("kitchen", ALICE)).position
    assert top.seq == before.seq + len(guests)
    # Again nothing changes, and everyone of them may post.
    assert await rooms.admit("kitchen", [ALICE, BOB, MALLORY, *guests]) == {"mallory"}
    assert (await rooms.enter("kitchen", ALICE)).position == top
    [outcome] = await post(client, [Post("kitchen", guests[-1], "c1", "hello")])
    assert isinstance(outcome, Posted)


async def test_a_private_room_lets_nobody_in_again_who_was_no_member(client: RedisClient) -> None:
    rooms = Rooms(client)
    await rooms.hydrate(snapshot("attic", visibility=Visibility.PRIVATE))
    assert await rooms.admit("attic", [ALICE, BOB, MALLORY]) == {"bob", "mallory"}


async def test_a_room_that_is_gone_or_cold_lets_nobody_in_again(
    client: RedisClient, rooms: Rooms
) -> None:
    with pytest.raises(Cold):
        await rooms.admit("cellar", [ALICE])
    await rooms.delete("kitchen", ALICE)
    with pytest.raises(Refusal, match="room_gone"):
        await rooms.admit("kitchen", [ALICE])


async def test_who_left_may_not_post_until_he_comes_back(client: RedisClient, rooms: Rooms) -> None:
    await rooms.enter("kitchen", BOB)
    await rooms.leave("kitchen", BOB)
    [outcome] = await post(client, [Post("kitchen", BOB, "1", "still here?")])
    assert code_of(outcome) == "not_a_member"
    with pytest.raises(Refusal, match="not_a_member"):
        await rooms.leave("kitchen", BOB)
    assert (await rooms.enter("kitchen", BOB)).joined


async def test_the_owner_may_not_leave(rooms: Rooms) -> None:
    with pytest.raises(Refusal, match="forbidden"):
        await rooms.leave("kitchen", ALICE)


async def test_a_new_name_is_taken_over_at_the_next_visit(
    client: RedisClient, rooms: Rooms
) -> None:
    await register(client, "boot", [PresenceChange("kitchen", "c1", ALICE, True)])
    await rooms.enter("kitchen", User("alice", "Alisa"))
    [person] = await rooms.people("kitchen")
    assert person == ("alice", "Alisa", Role.OWNER)


async def test_a_deleted_room_is_gone_for_everything_and_stays_gone(
    client: RedisClient, rooms: Rooms
) -> None:
    await say(client, "hello")
    assert await rooms.delete("kitchen", ALICE)
    assert not await rooms.delete("kitchen", ALICE)
    for attempt in (rooms.enter("kitchen", ALICE), rooms.leave("kitchen", ALICE)):
        with pytest.raises(Refusal, match="room_gone"):
            await attempt
    assert not await rooms.hydrate(snapshot("kitchen"))
    assert await rooms.overview(["kitchen"], "alice") == {}
    partition = client.partition_of("kitchen")
    kinds = [record.kind for record in (await drain.read(client, [partition], 10))[partition]]
    assert kinds == ["m", "d"]


async def test_messages_in_flight_are_before_the_deletion_or_refused(
    client: RedisClient, rooms: Rooms
) -> None:
    async def talk(person: int) -> list[object]:
        return [
            (await post(client, [Post("kitchen", ALICE, f"{person}-{n}", "hi")]))[0]
            for n in range(20)
        ]

    async def delete() -> bool:
        while (await history.sync(client, "kitchen", None, 1, 1)).position.seq < 30:
            await asyncio.sleep(0)
        return await rooms.delete("kitchen", ALICE)

    *talks, deleted = await asyncio.gather(*(talk(n) for n in range(5)), delete())
    assert deleted is True
    outcomes = [outcome for said in talks if isinstance(said, list) for outcome in said]
    posted = [o for o in outcomes if isinstance(o, Posted)]
    assert {code_of(o) for o in outcomes if not isinstance(o, Posted)} == {"room_gone"}
    partition = client.partition_of("kitchen")
    records = (await drain.read(client, [partition], 1000))[partition]
    assert [r.kind for r in records] == ["m"] * len(posted) + ["d"]


async def test_deleting_a_room_that_is_not_here_leaves_a_tombstone(client: RedisClient) -> None:
    rooms = Rooms(client)
    assert await rooms.delete("attic", ALICE)
    with pytest.raises(Refusal, match="room_gone"):
        await rooms.enter("attic", ALICE)


async def test_a_room_is_hydrated_by_the_first_only(client: RedisClient, rooms: Rooms) -> None:
    await say(client, "hello")
    assert not await rooms.hydrate(snapshot("kitchen"))
    assert (await history.sync(client, "kitchen", None, 1, 1)).position.seq == 1
    with pytest.raises(Cold):
        await rooms.enter("nowhere", ALICE)


async def test_read_marks_only_grow_and_count_what_is_left(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.enter("kitchen", BOB)
    posted = await say(client, *"abcd")
    assert (await rooms.overview(["kitchen"], "bob"))["kitchen"].unread == 4
    mark, unread = await rooms.read("kitchen", BOB, posted[2].position)
    assert (mark, unread) == (posted[2].position, 1)
    mark, unread = await rooms.read("kitchen", BOB, posted[0].position)
    assert (mark, unread) == (posted[2].position, 1)
    _, unread = await rooms.read("kitchen", BOB, posted[3].position)
    assert unread == 0
    await rooms.enter("kitchen", MALLORY)
    assert (await rooms.overview(["kitchen"], "bob"))["kitchen"].unread == 0
    partition = client.partition_of("kitchen")
    records = (await drain.read(client, [partition], 100))[partition]
    marks = [orjson.loads(record.payload) for record in records if record.kind == "r"]
    assert [mark["messages"] for mark in marks] == [3, 4]


async def test_an_overview_tells_what_a_list_of_rooms_shows(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.hydrate(snapshot("attic"))
    await say(client, "first", "second")
    await rooms.enter("kitchen", BOB)
    await register(client, "boot", [PresenceChange("kitchen", "c1", BOB, True)])
    found = await rooms.overview(["kitchen", "attic", "nowhere"], "bob")
    assert set(found) == {"kitchen", "attic"}
    kitchen = found["kitchen"]
    assert (kitchen.messages, kitchen.online, kitchen.members, kitchen.role) == (
        2,
        1,
        2,
        Role.MEMBER,
    )
    assert kitchen.last is not None
    assert orjson.loads(kitchen.last)["text"] == "second"
    assert (found["attic"].role, found["attic"].last) == (None, None)
