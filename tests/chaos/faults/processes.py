"""Replicas and writers die, are told to stop, or stand still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from tests.chaos.plan import Fault, Strike, Stroke
from tests.chaos.world import World
from tests.scenarios.service import Service

Choose: TypeAlias = Callable[[World, Stroke], Service]

REPLICAS = frozenset({"replicas"})
WRITERS = frozenset({"writers"})


def _killed(choose: Choose) -> Strike:
    @asynccontextmanager
    async def strike(world: World, stroke: Stroke) -> AsyncIterator[str]:
        service = choose(world, stroke)
        service.kill()
        yield service.name
        await service.start()

    return strike


def _frozen(choose: Choose) -> Strike:
    @asynccontextmanager
    async def strike(world: World, stroke: Stroke) -> AsyncIterator[str]:
        service = choose(world, stroke)
        service.stop()
        yield service.name
        service.cont()

    return strike


@asynccontextmanager
async def _replica_told_to_stop(world: World, stroke: Stroke) -> AsyncIterator[str]:
    replica = world.replica(stroke)
    replica.term()
    code = await replica.ended()
    if code != 0:
        world.timeline.problem(f"{replica.name} ended with {code} when it was told to stop")
    yield replica.name
    await replica.start()


@asynccontextmanager
async def _all_writers_killed(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    for writer in world.town.writers:
        writer.kill()
    yield "both writers"
    for writer in world.town.writers:
        await writer.start()


@asynccontextmanager
async def _pages_closed(world: World, stroke: Stroke) -> AsyncIterator[str]:
    dice = stroke.dice
    leaving = dice.sample(world.citizens, 3)
    for client in leaving:
        await world.leave(client)
    yield ", ".join(client.ledger.who for client in leaving)
    for client in leaving:
        await world.come(client.person, client.room, dice.randrange(len(world.town.replicas)))
    world.talk()


FAULTS = (
    Fault(
        "replica-kill",
        "kill -9 of a replica: its people are at once on another one",
        _killed(World.replica),
        REPLICAS,
        (1, 10),
        weight=4,
    ),
    Fault(
        "replica-term",
        "a replica is told to stop and started again, as in a deployment",
        _replica_told_to_stop,
        REPLICAS,
        (0, 3),
        weight=4,
    ),
    Fault(
        "replica-freeze",
        "SIGSTOP of a replica: its people go elsewhere, and on SIGCONT it repairs its rooms",
        _frozen(World.replica),
        REPLICAS,
        (20, 30),
        weight=2,
    ),
    Fault(
        "writer-kill",
        "kill -9 of a writer: another one saves what it had not",
        _killed(World.writer),
        WRITERS,
        (1, 10),
        weight=4,
    ),
    Fault(
        "writers-kill",
        "kill -9 of every writer: everything is saved when one is back",
        _all_writers_killed,
        WRITERS,
        (2, 8),
        weight=2,
    ),
    Fault(
        "writer-freeze",
        "SIGSTOP of a writer for longer than its lease: the other one takes over, once",
        _frozen(World.writer),
        WRITERS,
        (4, 12),
        weight=3,
    ),
    Fault(
        "pages-close",
        "people leave without a word, with whatever was in the outbox, and others come",
        _pages_closed,
        frozenset({"people"}),
        (1, 5),
        weight=2,
    ),
)
