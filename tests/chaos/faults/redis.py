"""Redis dies, stands still, forgets, or has no room left."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.losses import leave_with_unsaved
from tests.chaos.plan import Fault, Needs, Stroke
from tests.chaos.world import World
from tests.scenarios.evidence import open_redis

REDIS = frozenset({"redis"})
POSTPONED_S = 2.0
"""Redis writes its file at the latest so long after an fsync that does not end (aof.c)."""

LAG_S = 10.0
"""How long the slow disk takes: longer than Redis waits for it."""

SLACK_S = 1.0
"""Between an acknowledgement and its entry in a ledger, on a busy machine."""

DISK_MIB = 24


@asynccontextmanager
async def _killed(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    await world.servers.kill_redis()
    yield "Redis"
    await world.servers.start_redis()


@asynccontextmanager
async def _frozen(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    os.kill(world.servers.redis.pid, signal.SIGSTOP)
    yield "Redis"
    os.kill(world.servers.redis.pid, signal.SIGCONT)


@asynccontextmanager
async def _emptied(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    world.moved = True
    await world.servers.kill_redis()
    shutil.rmtree(world.servers.append_only)
    yield "Redis"
    await world.servers.start_redis()


@asynccontextmanager
async def _set_back(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    world.moved = True
    kept = world.folder / "older"
    async with open_redis(world.town) as redis:
        # A rewrite under way would change the set of files while it is copied.
        await redis.config_set("auto-aof-rewrite-percentage", 0)
    shutil.copytree(world.servers.append_only, kept)
    yield "Redis"
    await world.servers.kill_redis()
    shutil.rmtree(world.servers.append_only)
    kept.rename(world.servers.append_only)
    await world.servers.start_redis()


@asynccontextmanager
async def _without_memory(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    async with open_redis(world.town) as redis:
        used = (await redis.info("memory"))["used_memory"]
        await redis.config_set("maxmemory", max(used - 1_000_000, 1_000_000))
    yield "Redis"
    async with open_redis(world.town) as redis:
        await redis.config_set("maxmemory", 0)


@asynccontextmanager
async def _disk_full(world: World, stroke: Stroke) -> AsyncIterator[str]:
    disk = world.servers.redis_disk
    assert disk is not None
    pid = world.servers.redis.pid
    told = sum(len(client.ledger.passing) for client in world.citizens)
    await world.servers.with_redis(disk.fill)
    yield "the disk of Redis"
    if not world.servers.redis.running or world.servers.redis.pid != pid:
        world.timeline.problem("Redis ended when its disk was full")
    refused = sum(len(client.ledger.passing) for client in world.citizens) - told
    world.timeline.figure("refusals while the disk was full", refused, "answers")
    if not refused:
        world.timeline.problem("nobody was refused while the disk was full")
    disk.free()
    await world.servers.start_redis()


@asynccontextmanager
async def _killed_without_senders(world: World, stroke: Stroke) -> AsyncIterator[str]:
    gone = await leave_with_unsaved(world, stroke)
    await world.servers.kill_redis()
    gone.died()
    yield f"Redis, and {gone.names} left"
    await world.servers.start_redis()
    await gone.count(most_s=0.0)


@asynccontextmanager
async def _killed_behind_its_disk(world: World, stroke: Stroke) -> AsyncIterator[str]:
    world.moved = True
    world.servers.lag(LAG_S)
    gone = await leave_with_unsaved(world, stroke)
    await world.servers.kill_redis()
    gone.died()
    world.servers.lag(0)
    yield f"Redis, and {gone.names} left"
    await world.servers.start_redis()
    await gone.count(most_s=POSTPONED_S + SLACK_S)


FAULTS = (
    Fault(
        "redis-kill",
        "kill -9 of Redis: it comes back with its file, in a new epoch",
        _killed,
        REDIS,
        (1, 8),
        weight=4,
    ),
    Fault(
        "redis-freeze",
        "SIGSTOP of Redis: senders hear that it is away, and say it again",
        _frozen,
        REDIS,
        (2, 10),
        weight=3,
    ),
    Fault(
        "redis-empty",
        "Redis comes back with nothing: rooms from PostgreSQL, unsaved words from their senders",
        _emptied,
        REDIS,
        (1, 5),
        weight=1,
        loses=True,
    ),
    Fault(
        "redis-older",
        "Redis comes back as it was a while ago: no place in the order is used twice",
        _set_back,
        REDIS,
        (5, 40),
        weight=1,
        loses=True,
    ),
    Fault(
        "redis-memory",
        "Redis has no memory left: what does not fit is refused whole",
        _without_memory,
        REDIS,
        (2, 8),
        weight=2,
    ),
    Fault(
        "redis-disk-full",
        "no room for the file of Redis: it refuses, and all is there afterwards",
        _disk_full,
        REDIS,
        (10, 15),
        needs=Needs(redis={"appendfsync": "everysec"}, redis_disk_mib=DISK_MIB),
    ),
    Fault(
        "redis-kill-always",
        "kill -9 of Redis that syncs always: what was acknowledged is there without its senders",
        _killed_without_senders,
        REDIS,
        (1, 3),
    ),
    Fault(
        "redis-kill-lagging",
        "kill -9 of Redis that syncs each second, on a slow disk: at most 2 s of who has left",
        _killed_behind_its_disk,
        REDIS,
        (1, 3),
        loses=True,
        needs=Needs(redis={"appendfsync": "everysec"}, slow_disk=True),
    ),
)
