"""What is not saved is never dropped, and only the holder of the lease says what is."""

from __future__ import annotations

import pytest

from server.domain.positions import Position
from server.state import drain, history, keys
from server.state.client import RedisClient
from server.state.feed import Event, Feed
from server.state.rooms import Rooms
from tests.helpers import REDIS_KINDS, wait_until
from tests.state.conftest import ALICE
from tests.state.test_feed import listening
from tests.state.test_posts import say

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)


async def test_one_writer_holds_a_partition_until_it_gives_it_back(client: RedisClient) -> None:
    assert await drain.take_leases(client, [0, 1], "one") == {0, 1}
    assert await drain.take_leases(client, [0, 1, 2], "two") == {2}
    assert await drain.take_leases(client, [0], "one") == {0}
    await drain.release_leases(client, [0], "two")
    assert await drain.take_leases(client, [0], "two") == set()
    await drain.release_leases(client, [0], "one")
    assert await drain.take_leases(client, [0], "two") == {0}


async def test_acknowledged_records_go_and_the_rest_stays(
    client: RedisClient, rooms: Rooms
) -> None:
    posted = await say(client, *"abc")
    partition = client.partition_of("kitchen")
    await drain.take_leases(client, [partition], "one")
    records = (await drain.read(client, [partition], 2))[partition]
    assert len(records) == 2
    saved = {"kitchen": posted[1].position}
    assert await drain.acknowledge(client, partition, "one", records[-1].id, saved)
    [left] = (await drain.read(client, [partition], 10))[partition]
    assert posted[2].position.seq == 3
    assert b'"seq":3' in left.payload
    assert (await history.sync(client, "kitchen", None, 1, 1)).saved == posted[1].position
    assert await drain.lengths(client, [partition]) == {partition: 1}


async def test_without_the_lease_nothing_is_dropped(client: RedisClient, rooms: Rooms) -> None:
    [posted] = await say(client, "a")
    partition = client.partition_of("kitchen")
    [record] = (await drain.read(client, [partition], 2))[partition]
    saved = {"kitchen": posted.position}
    assert not await drain.acknowledge(client, partition, "nobody", record.id, saved)
    await drain.take_leases(client, [partition], "other")
    assert not await drain.acknowledge(client, partition, "nobody", record.id, saved)
    assert await drain.lengths(client, [partition]) == {partition: 1}
    assert (await history.sync(client, "kitchen", None, 1, 1)).saved == Position(0, 0)


async def test_the_watermark_is_announced_and_never_goes_back(
    client: RedisClient, rooms: Rooms
) -> None:
    posted = await say(client, *"ab")
    partition = client.partition_of("kitchen")
    await drain.take_leases(client, [partition], "one")
    records = (await drain.read(client, [partition], 2))[partition]
    events: list[Event] = []
    feed = Feed(client, lambda _, got: events.extend(got), lambda _: None, lambda _: None)
    async with listening(feed, partition):
        for position in (posted[1].position, posted[0].position):
            saved = {"kitchen": position}
            assert await drain.acknowledge(client, partition, "one", records[-1].id, saved)
        await say(client, "c")
        await wait_until(lambda: len(events) == 2)
    assert (events[0].kind, events[0].position) == ("s", posted[1].position)
    assert events[0].payload == b'{"ev":"saved","room":"kitchen","epoch":%d,"seq":2}' % (
        posted[1].position.epoch
    )


async def test_a_record_that_nobody_can_read_is_still_handed_over(client: RedisClient) -> None:
    key = keys.partition_keys(0).drain
    await client.execute("XADD", key, "*", b"\xff", b"\xff\x00")
    [record] = (await drain.read(client, [0], 10))[0]
    assert (record.kind, record.payload) == ("\ufffd", b"\xff\x00")


async def test_saving_the_last_event_does_not_bring_a_deleted_room_back(
    client: RedisClient, rooms: Rooms
) -> None:
    await say(client, "a")
    await rooms.delete("kitchen", ALICE)
    partition = client.partition_of("kitchen")
    await drain.take_leases(client, [partition], "one")
    records = (await drain.read(client, [partition], 10))[partition]
    ttl = keys.room_keys(partition, "kitchen").room
    before = await client.execute("PTTL", ttl)
    assert before > 0
    await drain.acknowledge(client, partition, "one", records[-1].id, {"kitchen": Position(1, 2)})
    assert 0 < await client.execute("PTTL", ttl) <= before
