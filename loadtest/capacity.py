"""What an installation needs, by arithmetic from measured costs.

A calculator, not a measurement: each number is a cost of ``constants`` times what there is of
it. CPU is then planned to be used to ``FULL`` only, and memory ``SPARE`` times.

Next: loadtest/plan.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from loadtest.constants import CONSTANTS, Constants

FULL: Final = 0.5
"""The share of a core that is planned with: the rest is for bursts, storms and other machines."""

SPARE: Final = 1.5
"""Memory is planned so many times: fragmentation, buffers, copies while Redis rewrites its file."""

MOST_REPLICAS: Final = 1000
_HOUR_S: Final = 3600
_US: Final = 1e6


class TooMuchError(ValueError):
    """No number of replicas is enough; the message says why."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What people do at the busiest time. ``outage_minutes`` is how long PostgreSQL may be away.

    ``room_size`` are those who are connected in the room where a message is said. ``rooms`` are all
    that somebody entered since Redis began, ``days`` ago, with ``room_members`` members each; each
    person has ``rooms_each`` of them open.
    """

    users: int
    messages: float
    room_size: float
    rooms: int
    room_members: float
    rooms_each: float = 1.0
    text_bytes: int = 128
    hours: float = 8.0
    days: float = 30.0
    log_ins: float = 0.0
    outage_minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class Need:
    """What that takes. Cores and bytes are without ``FULL`` and ``SPARE``, counts with them.

    ``replicas`` are enough when one of them is away; ``storm_s`` is how long the others are busy
    until its people are back. ``redis_bytes`` are by what they are for, ``drain_share`` is how full
    the drains are after an outage.
    """

    deliveries: float
    replicas: int
    replica_cores: float
    replica_bytes: float
    storm_s: float
    redis_cores: float
    redis_masters: int
    redis_bytes: dict[str, float]
    writers: int
    writer_cores: float
    postgres_cores: float
    rows_a_day: float
    bytes_a_day: float
    out_bytes: float
    drain_share: float


def need(demand: Demand, constants: Constants = CONSTANTS) -> Need:
    """Return what a demand takes.

    Raises:
        TooMuchError: more than ``MOST_REPLICAS`` replicas.
    """
    c = constants
    replicas = _replicas(demand, c)
    hearers = max(0.0, min(replicas, demand.room_size) - 1)
    redis_us = c.redis_message_us.value + hearers * c.redis_hear_us.value
    redis_cores = demand.messages * redis_us / _US
    writer_cores = demand.messages * c.writer_us.value / _US
    rows = demand.messages * demand.hours * _HOUR_S
    each = demand.users / replicas
    text = demand.text_bytes - 128  # what was measured had so many
    waiting = demand.messages * demand.outage_minutes * 60
    hosted = min(demand.rooms, each * demand.rooms_each)
    out = demand.messages * demand.room_size * (demand.text_bytes + c.frame_bytes.value)
    return Need(
        deliveries=demand.messages * demand.room_size,
        replicas=replicas,
        replica_cores=_cores(demand, replicas, c),
        replica_bytes=c.replica_bytes.value
        + each * c.connection_bytes.value
        + hosted * c.room_server_bytes.value,
        storm_s=each * c.enter_us.value / _US / max(1, replicas - 1),
        redis_cores=redis_cores,
        redis_masters=max(1, math.ceil(redis_cores / FULL)),
        redis_bytes={
            "rooms and their members": demand.rooms
            * (c.room_bytes.value + demand.room_members * c.member_bytes.value),
            "newest messages of rooms": min(demand.rooms * c.log_events.value, rows * demand.days)
            * (c.log_entry_bytes.value + text),
            "cids, against doubles": demand.messages * c.seen_s.value * c.cid_bytes.value,
            "waiting while PostgreSQL is away": min(waiting, c.drain_limit.value)
            * (c.drain_bytes.value + text),
        },
        writers=max(1, math.ceil(writer_cores / FULL)),
        writer_cores=writer_cores,
        postgres_cores=demand.messages * c.postgres_us.value / _US,
        rows_a_day=rows,
        bytes_a_day=rows * (c.row_bytes.value + text),
        out_bytes=out,
        drain_share=waiting / c.drain_limit.value,
    )


def _cores(demand: Demand, replicas: int, c: Constants) -> float:
    """Return the cores that so many replicas use together."""
    hearers = max(0.0, min(replicas, demand.room_size) - 1)
    message = c.message_us.value + hearers * c.hear_us.value
    delivering = demand.room_size * c.delivery_us.value
    log_ins = demand.log_ins * c.log_in_ms.value / 1e3
    idling = replicas * c.idle_ms.value / 1e3
    return demand.messages * (message + delivering) / _US + log_ins + idling


def _replicas(demand: Demand, c: Constants) -> int:
    """Return how many are enough when one of them is away."""
    for count in range(1, MOST_REPLICAS + 1):
        if _cores(demand, count, c) <= count * FULL and demand.users <= count * c.sockets.value:
            return count + 1
    raise TooMuchError(f"more than {MOST_REPLICAS} replicas: this is beyond what was measured")
