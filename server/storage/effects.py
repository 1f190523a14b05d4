"""What a batch of events does to rooms and memberships; pure.

An event takes effect once: when its row is inserted. A batch that comes again, after a
commit whose answer was lost or from a writer that was frozen meanwhile, inserts nothing
and so changes nothing, however old it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from server.domain.events import Kind
from server.domain.records import ReadMark, Row
from server.domain.rooms import Role

_COMINGS = frozenset({Kind.JOINED, Kind.LEFT, Kind.ROLE})


class RoomChange(NamedTuple):
    """One line of ``raise_rooms``: the end of saved history and what was added to it."""

    room_id: str
    epoch: int
    seq: int
    messages: int
    active_at: int | None
    deleted_at: int | None


class Joining(NamedTuple):
    """One line of ``upsert_memberships``; ``later`` counts the messages after the join."""

    room_id: str
    user_id: str
    name: str
    role: str
    at: int
    epoch: int
    seq: int
    later: int


class NewRole(NamedTuple):
    """One line of ``set_roles``."""

    room_id: str
    user_id: str
    name: str
    role: str
    at: int


def room_changes(rows: Sequence[Row], fresh: Sequence[Row]) -> list[RoomChange]:
    """Sum up each room of ``rows``; only ``fresh`` ones count. Sorted by room."""
    ends: dict[str, tuple[int, int]] = {}
    for row in rows:
        position = (row.epoch, row.seq)
        if row.room_id not in ends or position > ends[row.room_id]:
            ends[row.room_id] = position
    messages: Counter[str] = Counter()
    active_at: dict[str, int] = {}
    deleted_at: dict[str, int] = {}
    for row in fresh:
        room_id = row.room_id
        if row.kind == Kind.MESSAGE:
            messages[room_id] += 1
            if row.at > active_at.get(room_id, 0):
                active_at[room_id] = row.at
        elif row.kind == Kind.DELETED:
            deleted_at[room_id] = row.at
    return [
        RoomChange(
            room_id,
            *ends[room_id],
            messages[room_id],
            active_at.get(room_id),
            deleted_at.get(room_id),
        )
        for room_id in sorted(ends)
    ]


def membership_changes(
    fresh: Iterable[Row],
) -> tuple[list[Joining], list[NewRole], list[tuple[str, str]]]:
    """Say who joined, who has another role, and who (``room, user``) left.

    A person's last event decides. Who was banned has left, but keeps a membership that says so.
    """
    fresh = list(fresh)
    if all(row.kind not in _COMINGS for row in fresh):
        return [], [], []
    in_order = sorted(fresh, key=lambda row: (row.room_id, row.position))
    joined: dict[tuple[str, str], tuple[Row, str]] = {}
    changed: dict[tuple[str, str], NewRole] = {}
    left: set[tuple[str, str]] = set()
    for row in in_order:
        if row.kind not in _COMINGS:
            continue
        key = (row.room_id, row.user_id)
        data = orjson.loads(row.data or "{}")
        came = joined.pop(key, None)
        changed.pop(key, None)
        left.discard(key)
        if row.kind == Kind.JOINED:
            joined[key] = (row, data["role"])
        elif row.kind == Kind.ROLE and came is not None:
            joined[key] = (came[0], data["role"])
        elif row.kind == Kind.ROLE or data["reason"] == "banned":
            role = data.get("role", Role.BANNED.value)
            changed[key] = NewRole(*key, row.user_name, role, row.at)
        else:
            left.add(key)
    joinings = [
        Joining(
            room_id=row.room_id,
            user_id=row.user_id,
            name=row.user_name,
            role=role,
            at=row.at,
            epoch=row.epoch,
            seq=row.seq,
            later=sum(
                other.room_id == row.room_id
                and other.kind == Kind.MESSAGE
                and other.position > row.position
                for other in in_order
            ),
        )
        for row, role in joined.values()
    ]
    return sorted(joinings), sorted(changed.values()), sorted(left)


def deleted_messages(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    """Name the messages that were deleted: room, author and cid. Sorted.

    All rows count, not only fresh ones: erasing a text twice is erasing it once.
    """
    targets = [
        (row.room_id, orjson.loads(row.data or "{}")["target"])
        for row in rows
        if row.kind == Kind.TOMBSTONE
    ]
    return sorted({(room_id, target["user"], target["cid"]) for room_id, target in targets})


def carried_files(rows: Iterable[Row]) -> list[tuple[str, str, str, str]]:
    """Name the files that messages carry: file, room, author and cid of the message. Sorted."""
    found = {
        (file["id"], row.room_id, row.user_id, row.cid or "")
        for row in rows
        if row.kind == Kind.MESSAGE and row.data is not None and '"files"' in row.data
        for file in orjson.loads(row.data).get("files", ())
    }
    return sorted(found)


def highest_marks(marks: Iterable[ReadMark]) -> list[ReadMark]:
    """Keep the highest read mark of each person in each room. Sorted."""
    highest: dict[tuple[str, str], ReadMark] = {}
    for mark in marks:
        key = (mark.room_id, mark.user_id)
        highest[key] = max(highest.get(key, mark), mark)
    return sorted(highest.values())
