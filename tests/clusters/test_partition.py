"""A master is cut off from the others, and does not know it."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis

from server.state.keys import partition_keys, partition_of
from tests.clusters.cluster import Cluster
from tests.clusters.conftest import MAX_LAG_S
from tests.clusters.loss import accepted, lost
from tests.clusters.node import BACK_S, SLOWER, Node
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import acknowledged, saved, talking, town
from tests.scenarios.system import System

CUT_S = 10.0
"""The chaos program cuts for 20 s; nothing new happens after the first of them."""


@pytest.mark.fault(13)
async def test_a_master_that_is_cut_off_stops_writing_and_comes_back_to_one_order(
    make_system: MakeSystem, cut_cluster: Cluster, figure: Figure
) -> None:
    cluster = cut_cluster
    async with make_system(redis_url=cluster.url) as system:
        clients = await _town_away(system, cluster)
        partition = partition_of(clients[0].room, system.partitions)
        leaving, staying = clients[:2], clients[2:]
        async with talking(clients) as talk:
            await talk.goes_on(60)
            # What Redis alone has, and only this side of the cut, is what can be lost.
            system.writers[0].stop()
            old = cluster.partition_off(partition)
            began = time.monotonic()
            refusing = asyncio.create_task(_refused_after(old, partition, began))
            await talk.goes_on(40)
            for client in leaving:
                await client.leave_for_good()
            at_stake = accepted(leaving)
            await cluster.is_taken_over(partition, old)
            system.writers[0].cont()
            took = time.monotonic() - began
            figure("the cut-off master was replaced after", took, "s")
            figure("the cut-off master refused to write after", await refusing, "s")
            assert await refusing < MAX_LAG_S + cluster.node_timeout_s + SLOWER
            for client in staying:
                await client.until(
                    lambda client=client: _taken_since(client, began + took),  # type: ignore[misc]
                    "a message is taken by the new master",
                )
            figure("people talked again after", time.monotonic() - began - took, "s")
            assert time.monotonic() - began - took < BACK_S * SLOWER
            await wait_until(lambda: time.monotonic() > began + CUT_S, CUT_S * 2, "it is cut long")
            await cluster.heal()
            await talk.goes_on(60)
        evidence = await acquit(system, moved=True)
        figure("accepted and not saved when their senders left", at_stake, "messages")
        figure("of these lost by the cut", lost(evidence, leaving), "messages")
        assert lost(evidence, staying) == 0
        assert acknowledged(staying) == saved(staying)


@pytest.mark.fault(13)
async def test_what_a_cut_off_master_still_takes_is_not_saved_beside_the_new_history(
    make_system: MakeSystem, cut_cluster: Cluster, figure: Figure
) -> None:
    # Writers and replicas reach both sides, servers do not: the old master goes on with people
    # who have not noticed, while the new one begins.
    async with make_system(redis_url=cut_cluster.url, writers=2) as system:
        clients = await _town_away(system, cut_cluster)
        partition = partition_of(clients[0].room, system.partitions)
        async with talking(clients, pace_s=0.03) as talk:
            await talk.goes_on(100)
            old = cut_cluster.partition_off(partition)
            took = await cut_cluster.is_taken_over(partition, old)
            figure("the cut-off master was replaced after", took, "s")
            await talk.everybody_is_heard(since=time.monotonic())
            await talk.goes_on(100)
            await cut_cluster.heal()
            await talk.goes_on(100)
        await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said


async def _town_away(system: System, cluster: Cluster) -> list[Client]:
    """Make rooms until one lies on a master that can be cut off; its people come first."""
    for _ in range(20):
        if system.clients:
            alice = system.people["alice"]
            room = await alice.create_room(f"Room {len(system.clients)}")
            if cluster.master_of(partition_of(room, system.partitions)).away:
                people = list(system.people.values())
                return [await p.open(room, n % 2) for n, p in enumerate(people)] + system.clients[
                    :4
                ]
            continue
        clients = await town(system, rooms=1)
        if cluster.master_of(partition_of(clients[0].room, system.partitions)).away:
            return clients
    raise AssertionError("no room lies on the master that can be cut off")


async def _refused_after(old: Node, partition: int, began: float) -> float:
    """Write to the cut-off master until it refuses; returns how long that took."""

    def write() -> float:
        key = partition_keys(partition).head
        while time.monotonic() < began + CUT_S:
            try:
                old.ask("HSET", key, "probe", 1)
            except redis.ResponseError:
                return time.monotonic() - began
            time.sleep(0.05)
        return CUT_S

    return await asyncio.to_thread(write)


def _taken_since(client: Client, since: float) -> bool:
    return any(
        sent.at >= since and sent.acknowledged_at is not None
        for sent in client.ledger.sent.values()
    )
