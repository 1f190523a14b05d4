"""What things cost, as measured: the numbers of the capacity formula, and how each is repeated.

All were measured on two cores of an AMD EPYC (a virtual machine), Python 3.11, Valkey 9 with its
append-only file, PostgreSQL 18, texts of 128 bytes. Costs of a message are those of a replica with
1000 messages a second: a busier one needs less for each, as it does more of them together. Where a
measurement has a range, its dear end is here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with its unit, what it is, and the command that measures it; "" of a setting."""

    value: float
    unit: str
    says: str
    command: str


_MESSAGES: Final = "scale --axis replicas --replicas 1 --members 5 --rooms 200 --rate 5"
_MEMBERS: Final = "scale --axis members"
_ROOMS: Final = "scale --axis rooms"
_REPLICAS: Final = "scale --axis replicas"
_SHIPPED: Final = ""


@dataclass(frozen=True, slots=True)
class Constants:
    """All of them by name; CPU is of one core."""

    message_us: Constant = Constant(
        230, "us", "CPU of a replica for a message, without its deliveries", _MESSAGES
    )
    hear_us: Constant = Constant(
        200, "us", "CPU of each further replica that has somebody in the room", _REPLICAS
    )
    delivery_us: Constant = Constant(
        16, "us", "CPU of a replica for a delivery: its write, and its watermark's", _MEMBERS
    )
    enter_us: Constant = Constant(
        900, "us", "CPU of a replica for a connect, until joined", "connect-storm, " + _MESSAGES
    )
    idle_ms: Constant = Constant(
        4, "ms", "CPU of a replica in a second in which nobody does anything", _REPLICAS
    )
    log_in_ms: Constant = Constant(
        400, "ms", "CPU of a replica for a log-in (bcrypt)", "login-storm"
    )
    connection_bytes: Constant = Constant(
        10 * 1024, "B", "memory of a replica for a connection", _MESSAGES
    )
    room_server_bytes: Constant = Constant(
        3.5 * 1024, "B", "memory of a replica for a room that it hosts", _ROOMS
    )
    replica_bytes: Constant = Constant(
        80 * 1024**2, "B", "memory of a replica that nobody uses", "idle"
    )
    redis_message_us: Constant = Constant(
        160, "us", "CPU of Redis for a message, from the send until it is saved", _MESSAGES
    )
    redis_hear_us: Constant = Constant(
        30, "us", "CPU of Redis for each further replica that hears a message", _REPLICAS
    )
    room_bytes: Constant = Constant(400, "B", "memory of Redis for an idle room", _ROOMS)
    member_bytes: Constant = Constant(
        65, "B", "memory of Redis for a member of a room", f"{_ROOMS} --members 50"
    )
    log_entry_bytes: Constant = Constant(
        320, "B", "memory of Redis for a message in a room's log", _MESSAGES
    )
    cid_bytes: Constant = Constant(
        110, "B", "memory of Redis for a cid that it remembers", "redis-cost"
    )
    drain_bytes: Constant = Constant(
        400, "B", "memory of Redis for a message that is not saved yet", _MESSAGES
    )
    row_bytes: Constant = Constant(560, "B", "PostgreSQL for a message, with its indexes", _ROOMS)
    writer_us: Constant = Constant(125, "us", "CPU of a writer for a message", _MESSAGES)
    postgres_us: Constant = Constant(70, "us", "CPU of PostgreSQL for a message", _MESSAGES)
    frame_bytes: Constant = Constant(200, "B", "bytes of a delivery beside its text", "big-room")
    sockets: Constant = Constant(20_000, "", "connections of a replica (SOCKETS)", _SHIPPED)
    log_events: Constant = Constant(
        500, "", "messages of a room that stay in Redis (LOG_EVENTS)", _SHIPPED
    )
    seen_s: Constant = Constant(60, "s", "for which a cid is remembered, at most", _SHIPPED)
    drain_limit: Constant = Constant(
        50_000 * 64, "", "messages that may wait to be saved (DRAIN_LIMIT x PARTITIONS)", _SHIPPED
    )


CONSTANTS: Final = Constants()


def listed() -> list[tuple[str, Constant]]:
    """Return all constants with their names."""
    return [(each.name, getattr(CONSTANTS, each.name)) for each in fields(CONSTANTS)]
