"""A Redis Cluster is the same to everything above ``state``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio

from server.local.valkey import Valkey
from server.state import drain, presence
from server.state.client import RedisClient, open_redis
from server.state.posts import Post, Posted, post
from server.state.presence import PresenceChange
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.helpers import free_port, wait_until
from tests.state.conftest import ALICE, snapshot
from tests.state.test_feed import Listener, listening

MASTERS = 3
SLOTS = 16384
ROOMS = [f"room{n}" for n in range(24)]


@pytest.fixture(scope="module")
def cluster(server_folder: Path) -> Iterator[list[str]]:
    """Addresses of three masters."""
    nodes = [
        Valkey(
            server_folder / f"cluster-{n}",
            options={
                "cluster-enabled": "yes",
                "cluster-port": str(free_port()),
                "appendonly": "no",
            },
        )
        for n in range(MASTERS)
    ]
    try:
        for node in nodes:
            node.start()
        clients = [redis.Redis.from_url(node.url) for node in nodes]
        for n, (node, client) in enumerate(zip(nodes, clients, strict=True)):
            first, last = n * SLOTS // MASTERS, (n + 1) * SLOTS // MASTERS - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            port = client.config_get("cluster-port")["cluster-port"]
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, port)
        yield [node.url for node in nodes]
    finally:
        for node in nodes:
            node.stop()


@pytest.fixture
async def client(cluster: list[str], make_settings: MakeSettings) -> AsyncIterator[RedisClient]:
    """A client that was given one node of the cluster."""

    async def agree() -> bool:
        for url in cluster:
            async with redis.asyncio.Redis.from_url(url) as node:
                info = str(await node.execute_command("CLUSTER", "INFO"))
            if f"known_nodes:{MASTERS}" not in info or "state:ok" not in info:
                return False
        return True

    await wait_until(agree, timeout=30, description="the cluster agrees")
    for url in cluster:
        async with redis.asyncio.Redis.from_url(url) as node:
            await node.flushall()
    async with open_redis(make_settings(redis_url=cluster[0], send_rate=0)) as opened:
        yield opened


async def test_rooms_feed_presence_and_drain_work_across_masters(client: RedisClient) -> None:
    rooms = Rooms(client)
    for room in ROOMS:
        await rooms.hydrate(snapshot(room))
    listener = Listener(client)
    partitions = sorted({client.partition_of(room) for room in ROOMS})
    async with listening(listener.feed, partitions[0]):
        for partition in partitions:
            await listener.feed.subscribe(partition)
        outcomes = await post(client, [Post(r, ALICE, f"c{n}", "hi") for r in ROOMS for n in "ab"])
        assert [o.position.seq for o in outcomes if isinstance(o, Posted)] == [1, 2] * len(ROOMS)
        heard = listener.events
        await wait_until(lambda: len([e for e in heard if e.kind == "m"]) == 2 * len(ROOMS))
        assert len(listener.feed._links) == MASTERS
    assert await drain.take_leases(client, partitions, "writer") == set(partitions)
    records = await drain.read(client, partitions, 100)
    assert sum(map(len, records.values())) == 2 * len(ROOMS)
    await presence.register(client, "boot", [PresenceChange(r, "c", ALICE, True) for r in ROOMS])
    assert {o.online for o in (await rooms.overview(ROOMS, "alice")).values()} == {1}
    await presence.forget(client, "boot", partitions)
    assert {o.online for o in (await rooms.overview(ROOMS, "alice")).values()} == {0}


async def test_a_second_process_leaves_the_library_and_its_epochs_alone(
    client: RedisClient, cluster: list[str], make_settings: MakeSettings
) -> None:
    await Rooms(client).hydrate(snapshot("kitchen"))
    [first] = await post(client, [Post("kitchen", ALICE, "c1", "hi")])
    async with open_redis(make_settings(redis_url=cluster[1], send_rate=0)) as other:
        [second] = await post(other, [Post("kitchen", ALICE, "c2", "hi")])
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert second.position.epoch == first.position.epoch
