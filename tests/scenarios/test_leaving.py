"""Replicas stop, die and freeze, and nobody is seen to go who is still there."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_redis
from tests.scenarios.load import people, talking
from tests.scenarios.mover import open_mover
from tests.scenarios.presence import people_here, seen_going
from tests.scenarios.system import System

DRAIN_S = 10.0
"""Nobody needs it all; who is told to go has a third of it, on a busy machine too."""
LEASE_S = 6


@pytest.mark.fault(3)
async def test_a_rolling_restart_of_all_replicas_is_seen_by_nobody(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(replicas=3, drain_s=DRAIN_S, lease_s=LEASE_S) as system:
        everybody = await people(system, 6)
        rooms = [await everybody[0].create_room(name) for name in ("Kitchen", "Garden")]
        movers = [
            await open_mover(person, room, (number + place) % 3)
            for place, room in enumerate(rooms)
            for number, person in enumerate(everybody)
        ]
        for mover in movers:
            await mover.until(lambda mover=mover: people_here(mover) == 6, "all are here")  # type: ignore[misc]
        async with talking(movers) as talk:
            await talk.goes_on(60)
            for replica in system.replicas:
                began = time.monotonic()
                replica.term()
                assert await replica.ended(timeout=30) == 0, replica.tail()
                took = time.monotonic() - began
                figure(f"{replica.name} stopped", took, "s")
                assert took < DRAIN_S + 9
                await talk.goes_on(60)
                await replica.start()
            # Whatever a replica left behind ends with its lease.
            await asyncio.sleep(LEASE_S * 4 / 3)
        await acquit(system)
        assert seen_going(movers) == set(), "somebody was seen to go"
        assert {people_here(mover) for mover in movers} == {6}
        for mover in movers:
            assert not mover.ledger.passing, mover.ledger.passing
            assert len(mover.ledger.connections) <= 1 + 3, "more than one move per replica"
            assert mover.moves == len(mover.ledger.connections) - 1, "somebody had a gap"
        assert system.errors() == []


@pytest.mark.fault(2)
async def test_of_a_killed_replica_only_those_are_seen_to_go_who_are_gone(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(lease_s=LEASE_S) as system:
        alice, bob, carol = await people(system, 3)
        kitchen = await alice.create_room("Kitchen")
        watcher = await alice.open(kitchen, replica=1)
        moves, leaves = await bob.open(kitchen, 0), await carol.open(kitchen, 0)
        await watcher.until(lambda: people_here(watcher) == 3, "all are here")
        leaves.cut()
        killed = time.monotonic()
        system.replicas[0].kill()
        await moves.until(lambda: moves.live and moves.replica == 1, "bob is back")
        back = time.monotonic() - killed
        await watcher.until(lambda: seen_going([watcher]), "somebody is seen to go")
        gone = time.monotonic() - killed
        figure("who went on was back", back, "s")
        figure(f"who was gone was seen to go, with a lease of {LEASE_S} s", gone, "s")
        assert gone < LEASE_S * 4 / 3 + 2
        await asyncio.sleep(1)
        assert seen_going([watcher]) == {carol.id}
        assert people_here(watcher) == 2
        assert len(watcher.ledger.connections) == 1


@pytest.mark.fault(4)
async def test_a_replica_that_was_frozen_repairs_its_rooms_and_knows_who_is_here(
    system: System, figure: Figure
) -> None:
    alice, bob, carol = await people(system, 3)
    kitchen, garden = [await alice.create_room(name) for name in ("Kitchen", "Garden")]
    here = [await alice.open(kitchen, 1), await alice.open(garden, 1)]
    there = [await bob.open(kitchen, 0), await bob.open(garden, 0), await carol.open(garden, 0)]
    await wait_until(lambda: [people_here(each) for each in here] == [2, 3])
    frozen = system.replicas[0]
    async with talking(here + there) as talk:
        await talk.goes_on(40)
        frozen.stop()
        await _say_and_forget(here, "while it is frozen")
        # Its lease ends; and Redis drops it, as it does with a listener that reads nothing.
        await wait_until(lambda: [people_here(each) for each in here] == [1, 1], 15)
        async with open_redis(system) as redis:
            await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await _say_and_forget(here, "and it does not hear this")
        frozen.cont()
        woken = time.monotonic()
        await wait_until(lambda: [people_here(each) for each in here] == [2, 3], 15)
        took = time.monotonic() - woken
        figure("presence was right after a freeze", took, "s")
        assert took < 10
        await talk.goes_on(60)
    await acquit(system)
    assert all(len(client.ledger.connections) == 1 for client in here + there)
    assert {people_here(each) for each in there} == {2, 3}
    assert system.errors() == []


async def _say_and_forget(clients: list[Client], text: str) -> None:
    for client in clients:
        for number in range(20):
            await client.is_acknowledged(client.say(f"{text} {number}"))
