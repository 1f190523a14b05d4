"""A Cluster changes its masters under load: planned, and because one died."""

from __future__ import annotations

import time

import pytest

from tests.clusters.cluster import Cluster
from tests.clusters.node import BACK_S, SLOWER
from tests.figures import Figure
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
async def test_a_killed_master_is_replaced_and_senders_bring_back_what_it_took_along(
    make_system: MakeSystem, cluster: Cluster, figure: Figure
) -> None:
    async with make_system(redis_url=cluster.url) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            dead = await cluster.kill_master_of(0)
            began = time.monotonic()
            took = await talk.everybody_is_heard(since=began)
            figure("everybody talked again after a master was killed", took, "s")
            assert took < cluster.node_timeout_s + BACK_S * SLOWER
            dead.start()
            await talk.goes_on(100)
        await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said
