"""The recent history of a room: what Redis's log still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.domain.errors import Refusal
from server.domain.positions import Position, parse_position
from server.state import keys
from server.state.client import RedisClient
from server.state.rooms import Cold

_MODES = {b"resumed": "resumed", b"older": "older", b"reset": "reset"}


CHANGES_LOOK = 1000
"""Entries of a log that one call looks at: a long log must not hold Redis up."""


class Entry(NamedTuple):
    """One event of a room with its place: ``kind`` is a ``domain.events.Kind`` letter."""

    position: Position
    kind: str
    event: bytes


@dataclass(frozen=True, slots=True)
class Synced:
    """What a listener missed.

    ``mode`` is ``resumed`` (``entries`` are exactly what was missed, oldest first),
    ``reset`` (forget everything; ``entries`` are the tail of the room), or ``older`` (the
    log does not reach back so far). ``position`` is the newest one.
    """

    mode: str
    position: Position
    saved: Position
    entries: list[Entry]


async def sync(
    client: RedisClient, room: str, position: Position | None, limit: int, tail: int
) -> Synced:
    """Read what was missed after ``position``, up to ``limit`` events, or all or nothing.

    Without a position only the newest one is read, as ``resumed``. ``tail`` is the number
    of events of a reset.

    Raises:
        Cold: the room is not in Redis.
        Refusal: ``room_gone``, ``unavailable``.
    """
    partition = client.partition_of(room)
    room_keys = keys.room_keys(partition, room)
    touched = [keys.partition_keys(partition).head, room_keys.room, room_keys.log]
    where = ("-", "-") if position is None else position
    reply = await client.call("sync", touched, [*where, limit, tail])
    mode = _MODES.get(reply[0])
    if mode is None:
        if reply[0] == b"cold":
            raise Cold
        raise Refusal(reply[0].decode())
    return Synced(
        mode,
        Position(int(reply[1]), int(reply[2])),
        Position(int(reply[3]), int(reply[4])),
        entries(reply[5]),
    )


async def before(
    client: RedisClient, room: str, position: Position | None, limit: int
) -> list[Entry]:
    """Return up to ``limit`` events older than ``position`` (None: the newest), oldest first.

    Raises:
        Refusal: ``unavailable``.
    """
    log = keys.room_keys(client.partition_of(room), room).log
    end = "+" if position is None else f"({position}"
    found = entries(await client.execute("XREVRANGE", log, end, "-", "COUNT", limit))
    found.reverse()
    return found


async def after(client: RedisClient, room: str, position: Position, limit: int) -> list[Entry]:
    """Return up to ``limit`` events newer than ``position``, oldest first.

    Raises:
        Refusal: ``unavailable``.
    """
    log = keys.room_keys(client.partition_of(room), room).log
    return entries(await client.execute("XRANGE", log, f"({position}", "+", "COUNT", limit))


async def standing(client: RedisClient, room: str, positions: Sequence[Position]) -> list[Entry]:
    """Return the events that the log has at these positions.

    Raises:
        Refusal: ``unavailable``.
    """
    log = keys.room_keys(client.partition_of(room), room).log
    commands = [("XRANGE", log, str(position), str(position)) for position in positions]
    return [entry for reply in await client.execute_all(commands) for entry in entries(reply)]


class Changes(NamedTuple):
    """The changes in a log from an entry on; ``whole`` tells whether that entry was there."""

    entries: list[Entry]
    whole: bool


async def changes(client: RedisClient, room: str, first: Position) -> Changes:
    """Read the edits, deletions, reactions and pins from the entry at ``first`` on.

    Raises:
        Refusal: ``unavailable``.
    """
    log = keys.room_keys(client.partition_of(room), room).log
    found: list[Entry] = []
    whole, start = None, str(first)
    while start:
        there, last, part = await client.call("changes", [log], [start, CHANGES_LOOK])
        whole = bool(there) if whole is None else whole
        found += entries(part)
        start = f"({last.decode()}" if last else ""
    return Changes(found, bool(whole))


def entries(reply: list[Any]) -> list[Entry]:
    """Decode what XRANGE gives, from a command or a function."""
    return [
        Entry(parse_position(entry_id.decode()), fields[0].decode(), fields[1])
        for entry_id, fields in reply
    ]
