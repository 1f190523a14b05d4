"""Sentinels make another server the master under load: planned, and because one died."""

from __future__ import annotations

import time

import pytest

from tests.clusters.conftest import SENTINEL_PASSWORD
from tests.clusters.node import BACK_S, SLOWER
from tests.clusters.sentinels import DOWN_AFTER_MS, Sentinels
from tests.figures import Figure
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import acknowledged, longest_wait, saved, talking, town

RECONFIGURE_S = 2.0
"""Sentinels tell each other what they decided once in so long."""


@pytest.mark.fault(11)
async def test_a_planned_failover_of_sentinels_is_followed(
    make_system: MakeSystem, sentinels: Sentinels, figure: Figure
) -> None:
    async with make_system(
        redis_url=sentinels.url, redis_sentinel_password=SENTINEL_PASSWORD
    ) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            began = time.monotonic()
            new = await sentinels.failover()
            await talk.goes_on(100)
            took = longest_wait(clients, began)
            figure("the longest wait at a planned failover of Sentinels", took, "s")
            assert took < RECONFIGURE_S + BACK_S * SLOWER
            assert new.ask("DBSIZE") > 0
        await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said


@pytest.mark.complaint(8)
@pytest.mark.fault(12)
async def test_a_killed_master_is_replaced_by_sentinels(
    make_system: MakeSystem, sentinels: Sentinels, figure: Figure
) -> None:
    async with make_system(
        redis_url=sentinels.url, redis_sentinel_password=SENTINEL_PASSWORD
    ) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            # One Sentinel that says nothing holds nobody up.
            sentinels.sentinels[0].freeze()
            dead = await sentinels.kill_master()
            began = time.monotonic()
            took = await talk.everybody_is_heard(since=began)
            figure("everybody talked again after a master with Sentinels was killed", took, "s")
            assert took < DOWN_AFTER_MS / 1000 + RECONFIGURE_S + BACK_S * SLOWER
            sentinels.sentinels[0].thaw()
            await talk.goes_on(50)
            # It thinks that it is the master still, until the Sentinels tell it.
            dead.start()
            await talk.goes_on(100)
        await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said
        assert sentinels.master() is not dead
