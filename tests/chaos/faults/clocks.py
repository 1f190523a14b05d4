"""Clocks go wrong: of one replica, and of Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

from tests.chaos.plan import Fault, Needs, Strike, Stroke
from tests.chaos.preload import Clock
from tests.chaos.world import World
from tests.helpers import wait_until
from tests.scenarios.evidence import open_redis

HOUR_S = 3600.0
SEEN_S = 15.0
"""Until a program looks at the file of its clock again."""

TOLERANCE_S = 5.0
NEEDS = Needs(clocks=True)


def _moved(who: str, seconds: float, pace: float = 1.0) -> Strike:
    @asynccontextmanager
    async def strike(world: World, _stroke: Stroke) -> AsyncIterator[str]:
        servers = world.servers
        clock: Clock | None = servers.redis_clock if who == "Redis" else servers.replica_clock
        assert clock is not None
        clock.move(seconds, pace)
        if pace == 1.0:
            await wait_until(lambda: _is_off(world, who, seconds), SEEN_S, f"{who} has it", 0.2)
        yield f"the clock of {who}"
        world.timeline.figure(f"the clock of {who} was off by", await _off(world, who), "s")
        clock.set_right()
        await wait_until(lambda: _is_off(world, who, 0), SEEN_S, f"{who} has the time", 0.2)

    return strike


async def _is_off(world: World, who: str, seconds: float) -> bool:
    return abs(await _off(world, who) - seconds) < TOLERANCE_S


async def _off(world: World, who: str) -> float:
    """Return how far the clock is ahead that somebody really goes by."""
    if who == "Redis":
        async with open_redis(world.town) as redis:
            now, _ = await redis.time()
        return float(now) - time.time()
    replica = next(each for each in world.town.replicas if each.name == who)
    async with world.town.http.get(f"{replica.url}/healthz") as answer:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()


FAULTS = (
    Fault(
        "clock-replica-ahead",
        "the clock of one replica is an hour ahead: order, presence and leases do not care",
        _moved("replica-0", HOUR_S),
        frozenset({"clocks", "replicas"}),
        (15, 20),
        weight=1,
        needs=NEEDS,
    ),
    Fault(
        "clock-replica-behind",
        "the clock of one replica is an hour behind",
        _moved("replica-0", -HOUR_S),
        frozenset({"clocks", "replicas"}),
        (15, 20),
        weight=1,
        needs=NEEDS,
    ),
    Fault(
        "clock-replica-fast",
        "the clock of one replica runs half as fast again as it should",
        _moved("replica-0", 0, 1.5),
        frozenset({"clocks", "replicas"}),
        (15, 20),
        weight=1,
        needs=NEEDS,
    ),
    Fault(
        "clock-redis-behind",
        "the clock of Redis is an hour behind: epochs still grow, leases still end",
        _moved("Redis", -HOUR_S),
        frozenset({"clocks", "redis"}),
        (15, 20),
        weight=1,
        needs=NEEDS,
    ),
)
