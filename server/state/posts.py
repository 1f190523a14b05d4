"""Posting: the calls that give messages their positions, many in one round trip."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.files import File
from server.domain.positions import Position
from server.domain.rooms import User
from server.state import keys
from server.state.client import Command, RedisClient, fcall


class Post(NamedTuple):
    """A message that wants a position."""

    room: str
    user: User
    cid: str
    text: str
    reply: Position | None = None
    """Where the message stands that it answers."""
    files: tuple[File, ...] = ()


class Posted(NamedTuple):
    """Where a message stands; ``at`` is Unix ms, ``duplicate`` says it stood there before."""

    position: Position
    at: int
    duplicate: bool

    def describe(self, room: str) -> dict[str, Any]:
        """Return what the answer to an op says of it."""
        (epoch, seq), at, duplicate = self
        return {"room": room, "epoch": epoch, "seq": seq, "at": at, "dup": duplicate}


class _Cold(Enum):
    COLD = "cold"


COLD: Final = _Cold.COLD
"""The room is not in Redis: enter it, which brings it back, and post again."""

Outcome: TypeAlias = Posted | Refusal | _Cold


async def post(client: RedisClient, batch: Sequence[Post]) -> list[Outcome]:
    """Post messages, in order inside each room, with one function call per partition.

    The same ``(room, user, cid)`` again gets the position of the first time. Returns one outcome
    per message; a ``Refusal`` of ``unavailable`` means that it may have been posted: the
    same ``cid`` again finds out.
    """
    outcomes: list[Outcome] = [Refusal("unavailable")] * len(batch)
    by_partition: dict[int, list[int]] = {}
    for index, item in enumerate(batch):
        too_fast = hurried(client, item.user)
        if too_fast is None:
            by_partition.setdefault(client.partition_of(item.room), []).append(index)
        else:
            outcomes[index] = too_fast
    calls = [
        _publish(client, partition, [batch[index] for index in indexes])
        for partition, indexes in by_partition.items()
    ]
    replies = await client.pipeline(calls)
    for indexes, reply in zip(by_partition.values(), replies, strict=True):
        for position, index in enumerate(indexes):
            outcome = reply if isinstance(reply, Refusal) else outcome_of(reply[position])
            if not isinstance(outcome, Posted) or outcome.duplicate:
                client.pace.give_back(batch[index].user.id)
            outcomes[index] = outcome
    return outcomes


def hurried(client: RedisClient, user: User) -> Refusal | None:
    """Count something that a person says; return ``rate_limited`` when he says too much."""
    wait_s = client.pace.take(user.id, time.monotonic())
    if wait_s:
        return Refusal("rate_limited", retry_ms=math.ceil(wait_s * 1000))
    return None


def typing(client: RedisClient, room: str, user: User) -> Command:
    """Return the command that tells a room that somebody types; nothing is stored."""
    return unplaced(client, room, Kind.TYPING, user.id, events.typing(room, user))


def unplaced(client: RedisClient, room: str, kind: Kind, subject: str, event: bytes) -> Command:
    """Return the command that tells a room of an event without a position; nothing is stored."""
    header = f"0 1\n{room} 0 0 {kind} {subject} {len(event)}\n"
    channel = keys.partition_keys(client.partition_of(room)).events
    return ("SPUBLISH", channel, header.encode() + event + b"\n")


def _publish(client: RedisClient, partition: int, batch: Sequence[Post]) -> Command:
    settings = client.settings
    fixed = keys.partition_keys(partition)
    touched = [fixed.head, fixed.events, fixed.drain]
    args: list[str | bytes | int | float] = [
        settings.log_events,
        settings.seen_s * 1000,
        settings.drain_limit,
    ]
    for item in batch:
        room_keys = keys.room_keys(partition, item.room)
        touched += [
            room_keys.room,
            room_keys.log,
            room_keys.members,
            keys.seen(partition, item.room, item.user.id),
        ]
        parts = events.message(*item)
        args += [item.room, item.user.id, item.cid, parts.head, parts.tail]
    return fcall("publish", touched, args)


def outcome_of(row: list[Any]) -> Outcome:
    """Read one row of what ``publish`` or ``change`` returns."""
    status = row[0]
    if status in {b"ok", b"dup"}:
        return Posted(Position(int(row[1]), int(row[2])), int(row[3]), status == b"dup")
    if status == b"cold":
        return COLD
    return Refusal(status.decode())
