"""A Redis Cluster changes its masters, its slots or its network; Sentinels choose a new master."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.state import keys
from tests.chaos.losses import leave_with_unsaved
from tests.chaos.plan import Fault, Needs, Stroke
from tests.chaos.world import World
from tests.clusters.cluster import Cluster
from tests.clusters.sentinels import Sentinels

REDIS = frozenset({"redis"})
CLUSTER = Needs(group="cluster")
CUT = Needs(group="cut cluster")
SENTINELS = Needs(group="sentinels")


def _cluster(world: World) -> Cluster:
    assert isinstance(world.servers.group, Cluster)
    return world.servers.group


def _sentinels(world: World) -> Sentinels:
    assert isinstance(world.servers.group, Sentinels)
    return world.servers.group


def _busy(world: World) -> list[int]:
    """List the partitions in which people talk."""
    rooms = sorted({client.room for client in world.citizens})
    return [keys.partition_of(room, world.town.partitions) for room in rooms]


@asynccontextmanager
async def _cluster_failover(world: World, stroke: Stroke) -> AsyncIterator[str]:
    cluster = _cluster(world)
    partition = stroke.dice.choice(_busy(world))
    began = time.monotonic()
    master = await cluster.failover(partition)
    world.timeline.figure("a planned failover took", time.monotonic() - began, "s")
    yield f"partition {partition}, now at {master.name}"
    await cluster.heal()


@asynccontextmanager
async def _cluster_master_killed(world: World, stroke: Stroke) -> AsyncIterator[str]:
    cluster = _cluster(world)
    partition = stroke.dice.choice(_busy(world))
    gone = await leave_with_unsaved(world, stroke)
    dead = await cluster.kill_master_of(partition)
    gone.died()
    for writer in world.town.writers:
        writer.cont()
    took = await cluster.is_taken_over(partition, dead)
    world.timeline.figure("a replica took over after", took, "s")
    yield f"{dead.name}, the master of partition {partition}, and {gone.names} left"
    await cluster.heal()
    await gone.count(most_s=math.inf)


@asynccontextmanager
async def _cluster_cut(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    cluster = _cluster(world)
    partition = next(each for each in range(world.town.partitions) if cluster.master_of(each).away)
    master = cluster.partition_off(partition)
    yield f"{master.name}, the master of partition {partition}, and a replica"
    await cluster.heal()


@asynccontextmanager
async def _slot_moved(world: World, stroke: Stroke) -> AsyncIterator[str]:
    cluster = _cluster(world)
    partition = stroke.dice.choice(_busy(world))
    home, other = cluster.master_of(partition), cluster.other_master(partition)
    took = await cluster.move_slot(partition, other)
    world.timeline.figure("moving a busy slot took", took, "s")
    yield f"partition {partition} from {home.name} to {other.name}"
    await cluster.move_slot(partition, home)
    await cluster.heal()


@asynccontextmanager
async def _sentinels_failover(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    began = time.monotonic()
    master = await _sentinels(world).failover()
    world.timeline.figure("a planned failover took", time.monotonic() - began, "s")
    yield f"now at {master.name}"
    await _sentinels(world).heal()


@asynccontextmanager
async def _sentinels_master_killed(world: World, _stroke: Stroke) -> AsyncIterator[str]:
    dead = await _sentinels(world).kill_master()
    yield dead.name
    await _sentinels(world).heal()


FAULTS = (
    Fault(
        "cluster-failover",
        "CLUSTER FAILOVER: nothing acknowledged is lost",
        _cluster_failover,
        REDIS,
        (2, 5),
        needs=CLUSTER,
    ),
    Fault(
        "cluster-kill",
        "kill -9 of a master of a Cluster: living senders bring back what it took along",
        _cluster_master_killed,
        REDIS,
        (2, 5),
        loses=True,
        needs=CLUSTER,
    ),
    Fault(
        "cluster-partition",
        "a master of a Cluster is cut off: one order everywhere after it is healed",
        _cluster_cut,
        REDIS,
        (20, 21),
        loses=True,
        needs=CUT,
    ),
    Fault(
        "slot-move",
        "the slot of a busy partition moves to another master, and back",
        _slot_moved,
        REDIS,
        (5, 8),
        needs=CLUSTER,
    ),
    Fault(
        "sentinel-failover",
        "Sentinels make another server the master",
        _sentinels_failover,
        REDIS,
        (2, 5),
        loses=True,
        needs=SENTINELS,
    ),
    Fault(
        "sentinel-kill",
        "kill -9 of the master that Sentinels watch",
        _sentinels_master_killed,
        REDIS,
        (12, 15),
        loses=True,
        needs=SENTINELS,
    ),
)
