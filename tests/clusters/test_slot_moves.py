"""The slot of a busy partition moves to another master, and back, under load."""

from __future__ import annotations

import time

import pytest

from server.state.keys import partition_of
from tests.clusters.cluster import Cluster
from tests.clusters.node import BACK_S, SLOWER
from tests.figures import Figure
from tests.helpers import REDIS_KINDS
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import acknowledged, longest_wait, saved, talking, town
from tests.scenarios.system import System

SUBSCRIBED_S = 5.0
"""The promise: so long after a slot has moved, its subscriptions have followed."""


@pytest.mark.fault(14)
@pytest.mark.parametrize("cluster", REDIS_KINDS, indirect=True)
async def test_a_slot_that_moves_key_by_key_takes_its_people_along(
    make_system: MakeSystem, cluster: Cluster, figure: Figure
) -> None:
    await _move_about(make_system, cluster, figure, atomic=False)


@pytest.mark.fault(14)
async def test_a_slot_that_moves_at_once_takes_its_people_along(
    make_system: MakeSystem, cluster: Cluster, figure: Figure
) -> None:
    await _move_about(make_system, cluster, figure, atomic=True)


@pytest.mark.fault(14)
async def test_a_new_master_gets_the_library_before_its_first_message(
    make_system: MakeSystem, cluster: Cluster
) -> None:
    async with make_system(redis_url=cluster.url) as system:
        clients = await town(system, rooms=1)
        async with talking(clients) as talk:
            await talk.goes_on(40)
            new = cluster.add_master()
            assert new.ask("FUNCTION", "LIST") == []
            await cluster.move_slot(_partition(system, clients[0]), new)
            await talk.goes_on(80)
            assert new.ask("FUNCTION", "LIST") != []
        await acquit(system)
        assert acknowledged(clients) == saved(clients) == talk.said


async def _move_about(
    make_system: MakeSystem, cluster: Cluster, figure: Figure, *, atomic: bool
) -> None:
    async with make_system(redis_url=cluster.url) as system:
        clients = await town(system)
        partition = _partition(system, clients[0])
        home = cluster.master_of(partition)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            for target in (cluster.other_master(partition), home):
                began = time.monotonic()
                await cluster.move_slot(partition, target, atomic=atomic)
                moved = time.monotonic()
                await _hear_each_other(clients, moved)
                followed = time.monotonic() - moved
                await talk.goes_on(50)
                figure("subscriptions followed a slot after", followed, "s")
                figure("the longest wait while a slot moved", longest_wait(clients, began), "s")
                assert followed < SUBSCRIBED_S * SLOWER
                assert longest_wait(clients, began) < BACK_S * SLOWER
        evidence = await acquit(system)
        assert acknowledged(clients) == saved(clients) >= talk.said
        # Each move is a new instance of the library: one epoch each.
        for rows in evidence.rows.values():
            assert len({row.position.epoch for row in rows}) <= 3


async def _hear_each_other(clients: list[Client], since: float) -> None:
    """Wait until everybody shows something of everybody else that was said after ``since``."""
    for speaker in clients:
        said = (
            next((sent.text for sent in speaker.ledger.sent.values() if sent.at >= since), None)
            or speaker.ledger.sent[speaker.say(f"{speaker.ledger.who} after the move")].text
        )
        for listener in clients:
            if listener.room == speaker.room:
                await listener.sees(said)


def _partition(system: System, client: Client) -> int:
    return partition_of(client.room, system.partitions)
