"""Replicas and writers die, are told to stop, or stand still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.plan import Fault, Stroke
from tests.chaos.world import World

REPLICAS = frozenset({"replicas"})
WRITERS = frozenset({"writers"})


@asynccontextmanager
async def _replica_killed(world: World, stroke: Stroke) -> AsyncIterator[str]:
    replica = world.replica(stroke)
    replica.kill()
    yield replica.name
    await replica.start()


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
async def _replica_frozen(world: World, stroke: Stroke) -> AsyncIterator[str]:
    replica = world.replica(stroke)
    replica.stop()
    yield replica.name
    replica.cont()


@asynccontextmanager
async def _writer_killed(world: World, stroke: Stroke) -> AsyncIterator[str]:
    writer = world.writer(stroke)
    writer.kill()
    yield writer.name
    await writer.start()


@asynccontextmanager
async def _writer_frozen(world: World, stroke: Stroke) -> AsyncIterator[str]:
    writer = world.writer(stroke)
    writer.stop()
    yield writer.name
    writer.cont()


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
        _replica_killed,
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
        _replica_frozen,
        REPLICAS,
        (20, 30),
        weight=2,
    ),
    Fault(
        "writer-kill",
        "kill -9 of a writer: another one saves what it had not",
        _writer_killed,
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
        _writer_frozen,
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
