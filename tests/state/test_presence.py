"""A person is online while one of his connections is, on any replica that lives."""

from __future__ import annotations

from server.domain.rooms import User
from server.state import keys
from server.state.client import RedisClient
from server.state.feed import Event, Feed
from server.state.presence import PresenceChange, bury, forget, register, renew
from server.state.rooms import Rooms
from tests.helpers import wait_until
from tests.state.conftest import ALICE, BOB
from tests.state.test_feed import listening


def change(connection: str, user: User, online: bool) -> PresenceChange:
    return PresenceChange("kitchen", connection, user, online)


async def online(rooms: Rooms) -> int:
    return (await rooms.overview(["kitchen"], "alice"))["kitchen"].online


async def test_two_tabs_are_one_person(client: RedisClient, rooms: Rooms) -> None:
    await register(client, "one", [change("c1", ALICE, True), change("c2", ALICE, True)])
    assert await online(rooms) == 1
    await register(client, "one", [change("c1", ALICE, False)])
    assert await online(rooms) == 1
    await register(client, "one", [change("c2", ALICE, False)])
    assert await online(rooms) == 0


async def test_a_repeated_change_counts_once(client: RedisClient, rooms: Rooms) -> None:
    for _ in range(3):
        await register(client, "one", [change("c1", ALICE, True)])
    await register(client, "one", [change("c1", ALICE, False)])
    assert await online(rooms) == 0
    await register(client, "one", [change("c1", ALICE, False)])
    assert await online(rooms) == 0


async def test_the_people_of_a_silent_replica_are_gone_after_its_lease(
    client: RedisClient, rooms: Rooms
) -> None:
    partition = client.partition_of("kitchen")
    await register(client, "dead", [change("c1", BOB, True), change("c2", ALICE, True)])
    await register(client, "alive", [change("c3", ALICE, True)])
    assert await renew(client, "alive", [partition]) == set()
    assert await online(rooms) == 2
    # The lease of the dead one ends now instead of in some seconds.
    await client.execute("ZADD", keys.partition_keys(partition).replicas, 1, "dead")
    assert await renew(client, "alive", [partition]) == set()
    assert await online(rooms) == 1
    assert await renew(client, "dead", [partition]) == {partition}


async def test_a_replica_that_stops_takes_its_people_along(
    client: RedisClient, rooms: Rooms
) -> None:
    await register(client, "one", [change(f"c{n}", User(f"u{n}", "U"), True) for n in range(1200)])
    assert await online(rooms) == 1200
    await forget(client, "one", [client.partition_of("kitchen")])
    assert await online(rooms) == 0


async def test_one_event_tells_who_came_and_who_went_and_nothing_of_a_reload(
    client: RedisClient, rooms: Rooms
) -> None:
    events: list[Event] = []
    feed = Feed(client, lambda _, got: events.extend(got), lambda _: None, lambda _: None)
    async with listening(feed, client.partition_of("kitchen")):
        await register(client, "one", [change("c1", ALICE, True), change("c2", BOB, True)])
        await register(client, "one", [change("c3", ALICE, True), change("c1", ALICE, False)])
        await register(client, "one", [change("c2", BOB, False)])
        await wait_until(lambda: len(events) == 2)
    assert [event.payload for event in events] == [
        (
            b'{"ev":"presence","room":"kitchen","online":2,"came":'
            b'[{"id":"alice","name":"Alice"},{"id":"bob","name":"Bob"}],"went":[]}'
        ),
        b'{"ev":"presence","room":"kitchen","online":1,"came":[],"went":["bob"]}',
    ]


async def test_a_replica_that_died_is_buried_also_where_nobody_is_left(
    client: RedisClient, rooms: Rooms
) -> None:
    partition = client.partition_of("kitchen")
    await register(client, "dead", [change("c1", BOB, True)])
    await bury(client, "alive", [partition])
    assert await online(rooms) == 1
    await client.execute("ZADD", keys.partition_keys(partition).replicas, 1, "dead")
    await bury(client, "alive", [partition])
    assert await online(rooms) == 0
    # Who only looked has no lease there.
    assert await renew(client, "alive", [partition]) == {partition}


async def test_registering_tells_where_redis_had_forgotten_the_replica(
    client: RedisClient, rooms: Rooms
) -> None:
    partition = client.partition_of("kitchen")
    assert await register(client, "one", [change("c1", ALICE, True)]) == {partition}
    assert await register(client, "one", [change("c2", BOB, True)]) == set()
    await forget(client, "one", [partition])
    assert await register(client, "one", [change("c3", BOB, True)]) == {partition}
    # Known from a past that was outrun: what it had registered then goes first.
    await client.execute("ZADD", keys.partition_keys(partition).replicas, 0, "one")
    assert await register(client, "one", [change("c4", ALICE, True)]) == {partition}
    assert await online(rooms) == 0
    assert await register(client, "one", [change("c4", ALICE, True)]) == {partition}
    assert await online(rooms) == 1
