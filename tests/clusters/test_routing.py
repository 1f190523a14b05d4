"""Commands find the master of their keys, whatever has become of the one that they knew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from server.domain.errors import Refusal
from server.state import keys, library
from server.state.client import RedisClient, open_redis
from tests.clusters.cluster import Cluster, slot_of
from tests.clusters.conftest import SENTINEL_PASSWORD
from tests.clusters.node import Node
from tests.clusters.sentinels import MASTER, Sentinels
from tests.conftest import MakeSettings
from tests.helpers import wait_until

PARTITIONS = range(16)


@pytest.fixture
async def client(cluster: Cluster, make_settings: MakeSettings) -> AsyncIterator[RedisClient]:
    """A client of the Cluster."""
    async with open_redis(make_settings(redis_url=cluster.url)) as opened:
        yield opened


async def count(client: RedisClient) -> list[object]:
    """Write into every partition."""
    return await client.pipeline([("HINCRBY", _head(p), "n", 1) for p in PARTITIONS])


async def test_an_idle_client_finds_the_new_master_at_its_first_command(
    client: RedisClient, cluster: Cluster
) -> None:
    assert await count(client) == [1] * len(PARTITIONS)
    new = await cluster.failover(0)
    assert await count(client) == [2] * len(PARTITIONS)
    assert await client.address_of(_head(0)) == new.address


async def test_a_dead_master_fails_only_its_own_commands_until_it_is_replaced(
    client: RedisClient, cluster: Cluster
) -> None:
    await count(client)
    dead = await cluster.kill_master_of(0)
    replies = await count(client)
    owned = [cluster.master_of(p) is dead for p in PARTITIONS]
    assert [isinstance(reply, Refusal) for reply in replies] == owned
    await cluster.is_taken_over(0, dead)
    # No server is left that would say MOVED.
    await wait_until(lambda: _all_count(client), 20, "all masters are known")


async def test_a_key_is_found_on_either_side_while_its_slot_moves(
    client: RedisClient, cluster: Cluster
) -> None:
    names = [f"{_head(0)}:{n}" for n in range(10)]
    for name in names:
        await client.execute("SET", name, "x")
    source, target = cluster.master_of(0), cluster.other_master(0)
    _begin_move(cluster, source, target)
    source.ask("MIGRATE", target.host, target.port, "", 0, 5000, "KEYS", *names[:5])
    # Several at once, so that several connections are open: what is asked goes with its asking.
    for _ in range(5):
        rounds = [client.pipeline([("GET", name) for name in names]) for _ in range(10)]
        for replies in await asyncio.gather(*rounds):
            assert replies == [b"x"] * len(names)
    with pytest.raises(Refusal, match="unavailable"):
        await client.execute("MGET", names[0], names[-1])
    await cluster.move_slot(0, target)
    assert await client.execute("MGET", names[0], names[-1]) == [b"x", b"x"]


async def test_a_promoted_master_with_an_older_library_gets_ours(
    client: RedisClient, cluster: Cluster
) -> None:
    older = (
        f"#!lua name={library.NAME}\nredis.register_function{{function_name='version',"
        "flags={'no-writes'}, callback=function() return {0, 'x'} end}"
    )
    master = cluster.master_of(0)
    master.ask("FUNCTION", "LOAD", "REPLACE", older)
    await wait_until(
        lambda: "{0, 'x'}" in str(cluster.replica_of(0).ask("FUNCTION", "LIST", "WITHCODE"))
    )
    new = await cluster.failover(0)
    await count(client)
    assert library.is_current(_raw(new.ask("FCALL_RO", "version", 0)))


async def test_a_sentinel_client_leaves_a_demoted_master_that_still_answers(
    sentinels: Sentinels, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        redis_url=sentinels.url, redis_sentinel_password=SENTINEL_PASSWORD, repair_interval_s=60
    )
    async with open_redis(settings) as client:
        old = sentinels.master()
        await client.execute("SET", keys.PARTITIONS + ":try", 1)
        new = await sentinels.failover()
        await wait_until(lambda: old.role() == "slave", 30, "the old master is demoted")
        await wait_until(lambda: _succeeds(client), 20, "writes go to the new master")
        assert await client.address_of(keys.CONTROL) == new.address
        assert new.ask("GET", keys.PARTITIONS + ":try") == "2"


async def test_a_sentinel_client_follows_though_the_old_master_still_takes_writes(
    sentinels: Sentinels, make_settings: MakeSettings
) -> None:
    settings = make_settings(redis_url=sentinels.url, redis_sentinel_password=SENTINEL_PASSWORD)
    async with open_redis(settings) as client:
        old = sentinels.master()
        # Cut off from its Sentinels, for all that they can tell: it never hears of its successor.
        for node in sentinels.nodes:
            if node is not old:
                node.ask("REPLICAOF", "NO", "ONE")
        other = next(node for node in sentinels.nodes if node is not old)
        for sentinel in sentinels.sentinels:
            sentinel.ask("SENTINEL", "REMOVE", MASTER)
            sentinel.ask("SENTINEL", "MONITOR", MASTER, other.host, other.port, 2)
            sentinel.ask("SENTINEL", "SET", MASTER, "auth-pass", other.password)
        assert old.role() == "master"

        async def followed() -> bool:
            return await client.address_of(keys.CONTROL) == other.address

        await wait_until(followed, 20, "the client has followed")
        await client.execute("SET", keys.PARTITIONS + ":try", 1)
        assert old.ask("GET", keys.PARTITIONS + ":try") is None


async def test_a_call_ends_in_time_while_a_master_says_nothing(
    cluster: Cluster, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings(redis_url=cluster.url, redis_timeout_s=1.0)) as client:
        await count(client)
        silent = cluster.master_of(0)
        owned = [cluster.master_of(p) is silent for p in PARTITIONS]
        silent.freeze()
        began = time.monotonic()
        replies = await count(client)
        assert time.monotonic() - began < 2.5
        assert [isinstance(reply, Refusal) for reply in replies] == owned
        silent.thaw()


def _begin_move(cluster: Cluster, source: Node, target: Node) -> None:
    slot = slot_of(0)
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))


async def _all_count(client: RedisClient) -> bool:
    return not any(isinstance(reply, Refusal) for reply in await count(client))


async def _succeeds(client: RedisClient) -> bool:
    try:
        await client.execute("SET", keys.PARTITIONS + ":try", 2)
    except Refusal:
        return False
    return True


def _raw(reply: list[object]) -> list[object]:
    version, digest = reply
    return [version, str(digest).encode()]


def _head(partition: int) -> str:
    return keys.partition_keys(partition).head
