"""Posting gives every message one position, or refuses it whole."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from server.domain.errors import Refusal
from server.domain.positions import Position
from server.state import drain, history
from server.state.client import RedisClient, open_redis
from server.state.posts import COLD, Post, Posted, post, typing
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS
from tests.state.conftest import ALICE, BOB, MALLORY, snapshot

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)


def code_of(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


async def say(client: RedisClient, *texts: str, room: str = "kitchen") -> list[Posted]:
    """Alice says something; every text gets through."""
    batch = [Post(room, ALICE, f"cid-{text}", text) for text in texts]
    outcomes = await post(client, batch)
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
    return outcomes  # type: ignore[return-value]  # asserted above


async def test_positions_follow_each_other_without_a_hole(
    client: RedisClient, rooms: Rooms
) -> None:
    first = await say(client, "a", "b")
    second = await say(client, "c")
    positions = [item.position for item in first + second]
    assert [position.seq for position in positions] == [1, 2, 3]
    assert len({position.epoch for position in positions}) == 1
    assert not any(item.duplicate for item in first + second)


async def test_the_log_the_drain_and_the_answer_tell_the_same(
    client: RedisClient, rooms: Rooms
) -> None:
    [posted] = await say(client, "Привет 👋 </script>")
    [entry] = (await history.sync(client, "kitchen", Position(0, 0), 10, 5)).entries
    assert entry.position == posted.position
    partition = client.partition_of("kitchen")
    [record] = (await drain.read(client, [partition], 10))[partition]
    assert record.payload == entry.event
    assert orjson.loads(entry.event) == {
        "ev": "message",
        "room": "kitchen",
        "epoch": posted.position.epoch,
        "seq": 1,
        "at": posted.at,
        "user": {"id": "alice", "name": "Alice"},
        "cid": "cid-Привет 👋 </script>",
        "text": "Привет 👋 </script>",
    }


async def test_the_same_cid_a_hundred_times_at_once_is_one_message(
    client: RedisClient, rooms: Rooms
) -> None:
    again = [Post("kitchen", ALICE, "once", f"try {n}") for n in range(10)]
    outcomes = [
        o
        for batch in await asyncio.gather(*(post(client, again) for _ in range(10)))
        for o in batch
    ]
    assert len({o.position for o in outcomes if isinstance(o, Posted)}) == 1
    assert [o.duplicate for o in outcomes if isinstance(o, Posted)].count(False) == 1
    assert len(outcomes) == 100
    assert (await history.sync(client, "kitchen", None, 10, 5)).position.seq == 1


async def test_the_same_cid_of_another_person_is_another_message(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.enter("kitchen", BOB)
    outcomes = await post(
        client, [Post("kitchen", ALICE, "c", "hers"), Post("kitchen", BOB, "c", "his")]
    )
    assert [o.duplicate for o in outcomes if isinstance(o, Posted)] == [False, False]


async def test_the_same_cid_in_another_room_is_another_message(
    client: RedisClient, rooms: Rooms
) -> None:
    partition = client.partition_of("kitchen")
    mate = next(r for r in map(str, range(10_000)) if client.partition_of(r) == partition)
    await rooms.hydrate(snapshot(mate))
    outcomes = await post(client, [Post(r, ALICE, "c", "hi") for r in ("kitchen", mate)])
    assert [o.duplicate for o in outcomes if isinstance(o, Posted)] == [False, False]


async def test_every_message_of_a_batch_is_decided_on_its_own(
    client: RedisClient, rooms: Rooms
) -> None:
    await rooms.hydrate(snapshot("gone", deleted=True))
    outcomes = await post(
        client,
        [
            Post("kitchen", ALICE, "1", "yes"),
            Post("kitchen", MALLORY, "2", "stranger"),
            Post("gone", ALICE, "3", "too late"),
            Post("nowhere", ALICE, "4", "cold"),
            Post("kitchen", ALICE, "5", "yes"),
        ],
    )
    assert isinstance(outcomes[0], Posted)
    assert code_of(outcomes[1]) == "not_a_member"
    assert code_of(outcomes[2]) == "room_gone"
    assert outcomes[3] is COLD
    assert isinstance(outcomes[4], Posted)
    assert outcomes[4].position.seq == outcomes[0].position.seq + 1


async def test_a_burst_passes_and_what_is_more_is_told_when_to_come_back(
    redis_url: str, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings(send_rate=1, send_burst=3)) as client:
        await Rooms(client).hydrate(snapshot("kitchen"))
        outcomes = await post(client, [Post("kitchen", ALICE, str(n), "hi") for n in range(5)])
        assert [isinstance(outcome, Posted) for outcome in outcomes] == [True] * 3 + [False] * 2
        late = outcomes[3]
        assert isinstance(late, Refusal)
        assert late.code == "rate_limited"
        assert late.retry_ms is not None
        assert 0 < late.retry_ms <= 1000


async def test_a_full_drain_refuses_and_nothing_is_trimmed(
    redis_url: str, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings(send_rate=0, drain_limit=3)) as client:
        await Rooms(client).hydrate(snapshot("kitchen"))
        outcomes = await post(client, [Post("kitchen", ALICE, str(n), "hi") for n in range(5)])
        assert [code_of(o) for o in outcomes[3:]] == ["storage_backlog"] * 2
        partition = client.partition_of("kitchen")
        records = (await drain.read(client, [partition], 10))[partition]
        assert [orjson.loads(record.payload)["cid"] for record in records] == ["0", "1", "2"]


async def test_the_log_keeps_what_is_not_saved_however_short_it_is(
    client: RedisClient, rooms: Rooms
) -> None:
    await say(client, *(f"m{n}" for n in range(300)))
    synced = await history.sync(client, "kitchen", Position(0, 0), 1000, 5)
    assert synced.mode == "resumed"
    assert len(synced.entries) == 300


async def test_the_log_is_trimmed_once_everything_is_saved(
    client: RedisClient, rooms: Rooms
) -> None:
    posted = await say(client, *(f"m{n}" for n in range(300)))
    partition = client.partition_of("kitchen")
    assert await drain.take_leases(client, [partition], "writer") == {partition}
    records = (await drain.read(client, [partition], 1000))[partition]
    top = posted[-1].position
    assert await drain.acknowledge(client, partition, "writer", records[-1].id, {"kitchen": top})
    await say(client, "last")
    synced = await history.sync(client, "kitchen", Position(0, 0), 1000, 5)
    assert synced.mode == "older"
    assert len(await history.before(client, "kitchen", None, 1000)) < 300


async def test_typing_is_heard_and_stored_nowhere(client: RedisClient, rooms: Rooms) -> None:
    before = await client.execute("DBSIZE")
    assert await client.execute(*typing(client, "kitchen", ALICE)) == 0
    assert await client.execute("DBSIZE") == before
