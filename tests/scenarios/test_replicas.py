"""A replica dies, or is asked to stop: its people go on at another one."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.figures import Figure
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import longest_wait, seconds_until_live, talking, town
from tests.scenarios.recovery import judge_recovery, recovered_after
from tests.scenarios.system import System

BACK_S = 3.0
"""The promise: who was on a replica that died hears his room again within so many seconds."""

PACE_BACK_S = 5.0
"""The promise: after so many, messages are taken as fast as before."""


@pytest.mark.complaint(7)
@pytest.mark.fault(2)
async def test_people_of_a_killed_replica_go_on_at_another_within_3_s(
    system: System, figure: Figure
) -> None:
    clients = await town(system)
    here = [client for client in clients if client.replica == 0]
    there = [client for client in clients if client.replica == 1]
    assert here
    assert there
    async with talking(clients) as talk:
        await talk.goes_on(100)
        killed = time.monotonic()
        system.replicas[0].kill()
        took = await seconds_until_live(here, killed, timeout=20)
        figure("everybody of a killed replica was back", took, "s")
        assert took < BACK_S
        await talk.goes_on(200)
    await acquit(system)
    assert all(client.replica == 1 for client in clients)
    assert all(len(client.ledger.connections) == 1 for client in there), "a stranger was hurt"
    assert longest_wait(clients, killed) < BACK_S + 1
    ledgers = [client.ledger for client in clients]
    paced = recovered_after(ledgers, began=killed, ended=killed)
    figure("the pace was back after a replica was killed", paced, "s")
    assert not judge_recovery(ledgers, began=killed, ended=killed, within_s=PACE_BACK_S)
    assert system.errors() == []


@pytest.mark.complaint(5)
@pytest.mark.fault(3)
async def test_a_rolling_restart_is_not_noticed_by_those_who_talk(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(drain_s=3.0) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            await talk.goes_on(60)
            for replica in system.replicas:
                began = time.monotonic()
                replica.term()
                code = await replica.ended(timeout=30)
                took = time.monotonic() - began
                assert code == 0, replica.tail()
                assert took < 3.0 + 9.0
                figure(f"{replica.name} stopped", took, "s")
                waits = [client.is_live(BACK_S) for client in clients]
                await asyncio.gather(*waits)
                await talk.goes_on(60)
                await replica.start()
        await acquit(system)
        for client in clients:
            ledger = client.ledger
            refused = [sent for sent in ledger.sent.values() if sent.refused]
            assert not refused
            assert not ledger.passing, ledger.passing
            closes = [each.closed for each in ledger.connections[:-1]]
            assert set(closes) <= {4001}, closes
            assert len(closes) <= 2, "more than one move per replica"
        assert system.errors() == []


@pytest.mark.fault(4)
async def test_a_frozen_replica_repairs_its_rooms_before_anybody_hears_more(
    system: System,
) -> None:
    clients = await town(system, rooms=2)
    async with talking(clients) as talk:
        await talk.goes_on(60)
        system.replicas[0].stop()
        await talk.goes_on(60)
        # Longer than the lease by which the others know that it is here.
        await asyncio.sleep(4)
        system.replicas[0].cont()
        await talk.goes_on(100)
    await acquit(system)
    assert system.errors() == []
