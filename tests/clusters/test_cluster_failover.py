"""A Cluster changes its masters under load: planned, and because one died."""

from __future__ import annotations

import time

import pytest

from server.state.keys import partition_of
from tests.clusters.cluster import Cluster
from tests.clusters.loss import accepted, lost
from tests.clusters.node import BACK_S, SLOWER
from tests.figures import Figure
from tests.helpers import REDIS_KINDS
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import acknowledged, longest_wait, saved, talking, town


@pytest.mark.fault(11)
async def test_a_planned_failover_loses_nothing_and_begins_one_epoch(
    make_system: MakeSystem, cluster: Cluster, figure: Figure
) -> None:
    async with make_system(redis_url=cluster.url) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            began = time.monotonic()
            await cluster.failover(0)
            await talk.goes_on(100)
            took = longest_wait(clients, began)
            figure("the longest wait at a planned failover", took, "s")
            assert took < BACK_S * SLOWER
        evidence = await acquit(system)
        assert acknowledged(clients) == saved(clients) == talk.said
        for rows in evidence.rows.values():
            assert len({row.position.epoch for row in rows}) <= 2


@pytest.mark.fault(12)
@pytest.mark.parametrize("cluster", REDIS_KINDS, indirect=True)
async def test_a_killed_master_is_replaced_and_senders_bring_back_what_it_took_along(
    make_system: MakeSystem, cluster: Cluster, figure: Figure
) -> None:
    async with make_system(redis_url=cluster.url) as system:
        clients = await town(system)
        partition = partition_of(clients[0].room, system.partitions)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            dead = await cluster.kill_master_of(partition)
            began = time.monotonic()
            took = await talk.everybody_is_heard(since=began)
            figure("everybody talked again after a master was killed", took, "s")
            assert took < cluster.node_timeout_s + BACK_S * SLOWER
            dead.start()
            await talk.goes_on(100)
        evidence = await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said
        for rows in evidence.rows.values():
            assert len({row.position.epoch for row in rows}) <= 2


@pytest.mark.fault(12)
async def test_what_a_killed_master_takes_along_with_its_senders_is_counted(
    make_system: MakeSystem, cluster: Cluster, figure: Figure
) -> None:
    async with make_system(redis_url=cluster.url) as system:
        clients = await town(system, rooms=1, inhabitants=6)
        partition = partition_of(clients[0].room, system.partitions)
        leaving, staying = clients[:3], clients[3:]
        async with talking(clients, pace_s=0.01) as talk:
            await talk.goes_on(200)
            # From here on Redis alone has what is said.
            system.writers[0].stop()
            await talk.goes_on(200)
            dead = await cluster.kill_master_of(partition)
            for client in leaving:
                await client.leave_for_good()
            at_stake = accepted(leaving)
            await cluster.is_taken_over(partition, dead)
            system.writers[0].cont()
            await talk.goes_on(20)
        evidence = await acquit(system, moved=True)
        figure("accepted and not saved when their senders left", at_stake, "messages")
        figure("of these lost with the master", lost(evidence, leaving), "messages")
        assert lost(evidence, staying) == 0
        assert at_stake > 0
        # Replication is asynchronous, and still what is lost is the tail and no more.
        assert lost(evidence, leaving) < at_stake
