"""Every fault, by name."""

from __future__ import annotations

from tests.chaos.faults import clocks, groups, links, postgres, processes, redis
from tests.chaos.plan import Fault

FAULTS: tuple[Fault, ...] = (
    *processes.FAULTS,
    *redis.FAULTS,
    *postgres.FAULTS,
    *links.FAULTS,
    *clocks.FAULTS,
    *groups.FAULTS,
)
