"""A resume is all or nothing."""

from __future__ import annotations

import pytest

from server.domain import events
from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.state import history
from server.state.client import RedisClient
from server.state.rooms import Cold, Rooms
from tests.helpers import REDIS_KINDS
from tests.state.conftest import ALICE, snapshot
from tests.state.test_posts import say

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)


async def test_a_listener_gets_exactly_what_he_missed(client: RedisClient, rooms: Rooms) -> None:
    posted = await say(client, *"abcde")
    for heard in range(6):
        start = START if heard == 0 else posted[heard - 1].position
        synced = await history.sync(client, "kitchen", start, 100, 5)
        assert synced.mode == "resumed"
        assert [entry.position for entry in synced.entries] == [
            item.position for item in posted[heard:]
        ]
        assert synced.position == posted[-1].position


async def test_without_a_position_only_the_newest_one_is_told(
    client: RedisClient, rooms: Rooms
) -> None:
    posted = await say(client, *"abc")
    synced = await history.sync(client, "kitchen", None, 100, 5)
    assert (synced.mode, synced.position, synced.entries) == ("resumed", posted[-1].position, [])


async def test_more_than_the_limit_is_a_reset_with_the_tail_in_order(
    client: RedisClient, rooms: Rooms
) -> None:
    posted = await say(client, *"abcdefgh")
    synced = await history.sync(client, "kitchen", START, 7, 5)
    assert synced.mode == "reset"
    assert [entry.position.seq for entry in synced.entries] == [4, 5, 6, 7, 8]
    assert synced.position == posted[-1].position


@pytest.mark.parametrize(
    ("epoch_shift", "seq"), [(0, 9), (1, 1), (-1, 2)], ids=["ahead", "future epoch", "past epoch"]
)
async def test_a_position_of_no_history_is_never_resumed(
    client: RedisClient, rooms: Rooms, epoch_shift: int, seq: int
) -> None:
    [first, *_] = await say(client, *"abc")
    odd = Position(first.position.epoch + epoch_shift, seq)
    assert (await history.sync(client, "kitchen", odd, 100, 5)).mode == "reset"


async def test_a_room_that_is_not_here_is_cold_and_a_deleted_one_is_gone(
    client: RedisClient, rooms: Rooms
) -> None:
    with pytest.raises(Cold):
        await history.sync(client, "nowhere", None, 100, 5)
    await rooms.delete("kitchen", ALICE)
    with pytest.raises(Refusal, match="room_gone"):
        await history.sync(client, "kitchen", None, 100, 5)


async def test_a_hydrated_room_resumes_from_the_tail_that_came_along(client: RedisClient) -> None:
    said = events.message("attic", ALICE, "c", "hi")
    tail = [(at, "m", events.assemble(said, at, 1)) for at in (Position(5, 3), Position(5, 4))]
    await Rooms(client).hydrate(snapshot("attic", last=Position(5, 4), messages=4, tail=tail))
    synced = await history.sync(client, "attic", Position(5, 3), 100, 5)
    assert (synced.mode, [e.event for e in synced.entries]) == ("resumed", [tail[1][2]])
    assert (await history.sync(client, "attic", Position(5, 1), 100, 5)).mode == "older"
    assert (await history.sync(client, "attic", Position(4, 1), 100, 5)).mode == "older"


async def test_pages_go_both_ways(client: RedisClient, rooms: Rooms) -> None:
    posted = await say(client, *"abcdef")
    newest = await history.before(client, "kitchen", None, 2)
    assert [entry.position.seq for entry in newest] == [5, 6]
    older = await history.before(client, "kitchen", newest[0].position, 2)
    assert [entry.position.seq for entry in older] == [3, 4]
    newer = await history.after(client, "kitchen", posted[1].position, 3)
    assert [entry.position.seq for entry in newer] == [3, 4, 5]
