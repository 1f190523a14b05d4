"""Clocks go wrong: of one replica, and of Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.plan import Fault, Needs, Strike, Stroke
from tests.chaos.preload import Clock
from tests.chaos.world import World

HOUR_S = 3600.0
NEEDS = Needs(clocks=True)


def _moved(who: str, seconds: float, pace: float = 1.0) -> Strike:
    @asynccontextmanager
    async def strike(world: World, _stroke: Stroke) -> AsyncIterator[str]:
        servers = world.servers
        clock: Clock | None = servers.redis_clock if who == "Redis" else servers.replica_clock
        assert clock is not None
        clock.move(seconds, pace)
        yield f"the clock of {who}"
        clock.set_right()

    return strike


FAULTS = (
    Fault(
        "clock-replica-ahead",
        "the clock of one replica is an hour ahead: order, presence and leases do not care",
        _moved("replica-0", HOUR_S),
        frozenset({"clocks"}),
        (15, 20),
        needs=NEEDS,
    ),
    Fault(
        "clock-replica-behind",
        "the clock of one replica is an hour behind",
        _moved("replica-0", -HOUR_S),
        frozenset({"clocks"}),
        (15, 20),
        needs=NEEDS,
    ),
    Fault(
        "clock-replica-fast",
        "the clock of one replica gains three seconds in two",
        _moved("replica-0", 0, 1.5),
        frozenset({"clocks"}),
        (15, 20),
        needs=NEEDS,
    ),
    Fault(
        "clock-redis-behind",
        "the clock of Redis is an hour behind: epochs still grow, leases still end",
        _moved("Redis", -HOUR_S),
        frozenset({"clocks", "redis"}),
        (15, 20),
        needs=NEEDS,
    ),
)
