"""PostgreSQL dies, stands still, or has no room left: chat goes on, and is saved afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.chaos.plan import Fault, Needs, Stroke
from tests.chaos.world import World
from tests.scenarios.evidence import open_postgres

POSTGRES = frozenset({"postgres"})
REFUSED_S = 3.0
"""The promise: who needs PostgreSQL hears within so many seconds that it is away."""

SLOW_MACHINE = 3
"""The promise is for a machine with nothing else to do."""

DISK_MIB = 192
"""Tables of a new installation, its write-ahead log, and some room."""


async def _look_at_refusals(world: World) -> None:
    """See that routes that need PostgreSQL refuse in time, on each replica."""
    alice = world.town.people["alice"]
    form = {"username": alice.email, "password": alice.password}
    for number, replica in enumerate(world.town.replicas):
        began = time.monotonic()
        asked = [
            alice.post("/token", replica=number, data=form),
            alice.post("/api/v1/rooms", replica=number, json={"name": "Cellar"}),
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        took = time.monotonic() - began
        world.timeline.figure(f"{replica.name} refuses without PostgreSQL after", took, "s")
        for answer in answers:
            if isinstance(answer, aiohttp.ClientError | TimeoutError):
                world.timeline.problem(f"{replica.name} did not answer: {answer!r}")
            elif isinstance(answer, BaseException):
                raise answer
            elif answer.status != 503:
                world.timeline.problem(f"{replica.name} answered {answer.status}, not 503")
        if took > REFUSED_S * SLOW_MACHINE:
            world.timeline.problem(f"{replica.name} took {took:.1f} s to refuse")


@asynccontextmanager
async def _killed(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    await world.servers.kill_postgres()
    yield "PostgreSQL"
    await world.servers.start_postgres()


@asynccontextmanager
async def _frozen(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    world.servers.freeze_postgres()
    if world.alone:
        await _look_at_refusals(world)
    yield "PostgreSQL"
    world.servers.let_postgres_go_on()


@asynccontextmanager
async def _unreachable(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    for link in world.links.postgres.values():
        link.hold()
    if world.alone:
        await _look_at_refusals(world)
    yield "every link to PostgreSQL"
    for link in world.links.postgres.values():
        link.mend()


@asynccontextmanager
async def _disk_full(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    disk = world.servers.postgres_disk
    assert disk is not None
    await world.servers.with_postgres(disk.fill)
    yield "the disk of PostgreSQL"
    alive = world.servers.postgres.running
    world.timeline.note(f"PostgreSQL {'still runs' if alive else 'gave up'} on its full disk")
    disk.free()
    await world.servers.start_postgres()
    async with open_postgres(world.town) as connection:
        aside = await connection.fetchval("SELECT count(*) FROM dead_letters")
    world.timeline.figure("records that were set aside for want of room", aside, "records")


FAULTS = (
    Fault(
        "postgres-kill",
        "kill -9 of PostgreSQL: chat goes on, everything is saved after its recovery",
        _killed,
        POSTGRES,
        (2, 15),
        weight=4,
    ),
    Fault(
        "postgres-freeze",
        "SIGSTOP of PostgreSQL: who needs it is refused within 3 s, chat goes on",
        _frozen,
        POSTGRES,
        (8, 20),
        weight=2,
    ),
    Fault(
        "postgres-hole",
        "a black hole before PostgreSQL: who needs it is refused within 3 s, chat goes on",
        _unreachable,
        POSTGRES,
        (8, 20),
        weight=2,
    ),
    Fault(
        "postgres-disk-full",
        "no room for PostgreSQL: the writers try again, nothing is set aside",
        _disk_full,
        POSTGRES,
        (20, 25),
        needs=Needs(postgres_disk_mib=DISK_MIB),
    ),
)
