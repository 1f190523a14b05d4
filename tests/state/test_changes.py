"""A change of a message gets one position, or is refused whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import pytest

from server.domain import events
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import User
from server.state import changes, drain, history, keys
from server.state.changes import Change, UnknownTarget, Vouched
from server.state.client import RedisClient, open_redis
from server.state.feed import Event, Feed
from server.state.posts import Post, Posted, post
from server.state.rooms import Cold, Rooms
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS, wait_until
from tests.state.conftest import ALICE, BOB, MALLORY, snapshot

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)


def edit(at: Position, user: User = ALICE, cid: str = "e1", text: str = "new") -> Change:
    return Change("kitchen", user, cid, at, events.edited("kitchen", user, cid, text))


def delete(at: Position, user: User = ALICE, cid: str = "x1") -> Change:
    return Change("kitchen", user, cid, at, events.deleted("kitchen", user, cid))


def react(at: Position, user: User = ALICE, cid: str = "a1", *, on: bool = True) -> Change:
    return Change("kitchen", user, cid, at, events.reaction("kitchen", user, cid, "👍", on))


async def say(client: RedisClient, user: User = ALICE, cid: str = "m1", text: str = "hi") -> Posted:
    [outcome] = await post(client, [Post("kitchen", user, cid, text)])
    assert isinstance(outcome, Posted), outcome
    return outcome


async def refused(client: RedisClient, change: Change, vouched: Vouched | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        await changes.change(client, change, vouched)
    return caught.value.code


async def log_of(client: RedisClient) -> list[history.Entry]:
    return (await history.sync(client, "kitchen", Position(0, 0), 100, 5)).entries


@pytest.mark.parametrize("make", [edit, delete, react])
async def test_a_change_is_the_next_event_in_the_log_and_the_drain(
    client: RedisClient, rooms: Rooms, make: Callable[..., Change]
) -> None:
    said = await say(client)
    change = make(said.position)
    made = await changes.change(client, change)
    assert not made.duplicate
    assert said.position.is_followed_by(made.position)
    target = events.Target(said.position, "alice", "m1")
    expected = events.assemble(change.parts.aimed(target), made.position, made.at)
    entry = (await log_of(client))[-1]
    assert entry == (made.position, change.parts.kind, expected)
    partition = client.partition_of("kitchen")
    record = (await drain.read(client, [partition], 10))[partition][-1]
    assert (record.kind, record.payload) == (change.parts.kind, expected)


async def test_a_change_is_published_under_its_kind_with_who_made_it(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.enter("kitchen", BOB)
    said = await say(client)
    heard: list[Event] = []
    feed = Feed(client, lambda _p, found: heard.extend(found), lambda _p: None, lambda _b: None)
    running = asyncio.create_task(feed.run())
    await feed.subscribe(client.partition_of("kitchen"))
    made = await changes.change(client, react(said.position, BOB))
    await wait_until(lambda: bool(heard))
    running.cancel()
    [event] = heard
    assert event[:4] == ("kitchen", made.position, "a", "bob")


@pytest.mark.parametrize("make", [edit, delete, react])
async def test_the_same_cid_at_once_is_one_change(
    client: RedisClient, rooms: Rooms, make: Callable[..., Change]
) -> None:
    said = await say(client)
    made = await asyncio.gather(*(changes.change(client, make(said.position)) for _ in range(20)))
    assert len({each.position for each in made}) == 1
    assert [each.duplicate for each in made].count(False) == 1
    assert len(await log_of(client)) == 2


async def test_who_may_do_what(client: RedisClient, rooms: Rooms) -> None:
    await rooms.enter("kitchen", BOB)
    hers, his = await say(client), await say(client, BOB, "m2")
    assert await refused(client, edit(hers.position, BOB)) == "forbidden"
    assert await refused(client, delete(hers.position, BOB)) == "forbidden"
    assert await refused(client, edit(his.position, ALICE)) == "forbidden"
    for make in (edit, delete, react):
        assert await refused(client, make(hers.position, MALLORY)) == "not_a_member"
    assert await changes.change(client, react(hers.position, BOB))
    assert await changes.change(client, edit(his.position, BOB))
    # The owner may.
    assert await changes.change(client, delete(his.position, ALICE))
    await rooms.leave("kitchen", BOB)
    assert await refused(client, react(hers.position, BOB, "a2")) == "not_a_member"


async def test_a_moderator_may_delete_but_not_edit(client: RedisClient, rooms: Rooms) -> None:
    said = await say(client)
    members = keys.room_keys(client.partition_of("kitchen"), "kitchen").members
    await client.execute("HSET", members, "bob", "moderator Bob", "mallory", "banned Mallory")
    assert await refused(client, react(said.position, MALLORY)) == "not_a_member"
    assert await refused(client, edit(said.position, BOB)) == "forbidden"
    assert await changes.change(client, delete(said.position, BOB))


async def test_only_a_message_that_is_there_is_changed(client: RedisClient, rooms: Rooms) -> None:
    said = await say(client)
    made = await changes.change(client, edit(said.position))
    assert await refused(client, edit(made.position, cid="e2")) == "message_not_found"
    epoch, seq = made.position
    for nowhere in (Position(epoch, seq + 1), Position(epoch - 1, 1), Position(0, 0)):
        with pytest.raises(UnknownTarget):
            await changes.change(client, react(nowhere))
    assert len(await log_of(client)) == 2


async def test_what_is_deleted_is_not_changed_and_does_not_come_back(
    client: RedisClient, rooms: Rooms
) -> None:
    said = await say(client)
    await changes.change(client, delete(said.position))
    for change in (edit(said.position), react(said.position), delete(said.position, cid="x2")):
        assert await refused(client, change) == "message_not_found"
    again = await changes.change(client, delete(said.position))
    assert again.duplicate
    # A page that did not hear of it sends the message again.
    assert await say(client) == said._replace(duplicate=True)
    assert len(await log_of(client)) == 2


async def test_postgresql_may_vouch_for_a_message_that_left_the_log(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.enter("kitchen", BOB)
    old, vouched = Position(1, 1), Vouched("bob", "m0", 5)
    with pytest.raises(UnknownTarget):
        await changes.change(client, edit(old, BOB))
    assert await refused(client, edit(old, ALICE), vouched) == "forbidden"
    made = await changes.change(client, edit(old, BOB), vouched)
    fields = orjson.loads((await log_of(client))[-1].event)
    assert fields["target"] == {"epoch": 1, "seq": 1, "user": "bob", "cid": "m0"}
    assert made.position.seq == fields["seq"]
    await changes.change(client, delete(old, ALICE), vouched)
    assert await refused(client, react(old, ALICE), vouched) == "message_not_found"
    assert (await say(client, BOB, "m0"))[:2] == (old, 5)


async def test_what_the_log_says_counts_more_than_what_is_vouched(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.enter("kitchen", BOB)
    said = await say(client)
    assert await refused(client, edit(said.position, BOB), Vouched("bob", "m1", 5)) == "forbidden"


async def test_a_room_that_is_cold_or_gone_has_nothing_to_change(
    client: RedisClient, rooms: Rooms
) -> None:
    said = await say(client)
    parts = events.deleted("attic", ALICE, "x1")
    with pytest.raises(Cold):
        await changes.change(client, Change("attic", ALICE, "x1", said.position, parts))
    await rooms.hydrate(snapshot("gone", deleted=True))
    parts = events.deleted("gone", ALICE, "x1")
    assert await refused(client, Change("gone", ALICE, "x1", said.position, parts)) == "room_gone"


async def test_changes_count_against_the_rate_and_the_drain(
    redis_url: str, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings(send_rate=1, send_burst=2, drain_limit=3)) as client:
        rooms = Rooms(client)
        await rooms.hydrate(snapshot("kitchen"))
        await rooms.enter("kitchen", BOB)
        said = await say(client)
        await changes.change(client, react(said.position))
        with pytest.raises(Refusal) as caught:
            await changes.change(client, react(said.position, BOB))
        assert caught.value.code == "storage_backlog"
    async with open_redis(make_settings(send_rate=1, send_burst=2)) as client:
        for number in range(2):
            await changes.change(client, react(said.position, cid=f"b{number}"))
        with pytest.raises(Refusal) as caught:
            await changes.change(client, react(said.position, cid="b2"))
        assert caught.value.code == "rate_limited"
        assert 0 < (caught.value.retry_ms or 0) <= 1000


async def test_changes_are_no_unread_messages(client: RedisClient, rooms: Rooms) -> None:
    await rooms.enter("kitchen", BOB)
    said = await say(client)
    for change in (react(said.position), edit(said.position), delete(said.position)):
        await changes.change(client, change)
    assert (await rooms.enter("kitchen", BOB)).unread == 1
    assert await rooms.read("kitchen", BOB, said.position) == (said.position, 0)
