"""Rooms and memberships as PostgreSQL knows them.

The website makes and deletes rooms here; who joins, leaves and reads comes by the writer
(``storage/messages.py``), in the same transaction as the events that say so.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.domain.fold import Fold, Identity
from server.domain.ids import new_id
from server.domain.positions import NUMBER_MAX, Position
from server.domain.records import rebuild
from server.domain.rooms import Member, Role, Room, RoomSnapshot, User, Visibility
from server.storage.messages import newest_events, row_from, saved_changes
from server.storage.pool import Pool
from server.storage.sql import fetch, queries


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room in somebody's list. ``active_at`` is Unix milliseconds of the last message."""

    room: Room
    role: Role
    active_at: int
    messages: int
    unread: int
    favourite: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list shows of a room that is not in Redis; the same fields as its overview.

    ``role`` is None for a stranger, who has nothing unread; ``last`` is the event JSON of
    the newest message, folded.
    """

    position: Position
    messages: int
    unread: int
    members: int
    role: Role | None
    last: bytes | None
    read: Position | None = None


class Deletion(NamedTuple):
    """A deleted room; ``at`` is Unix milliseconds."""

    room: str
    owner: User
    at: int


class Rooms:
    """Every room; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self,
        name: str,
        owner: User,
        visibility: Visibility = Visibility.PUBLIC,
        description: str = "",
    ) -> Room:
        """Make a room with its owner as the first member."""
        async with self._pool.transaction() as connection:
            row = await queries.create_room(
                connection,
                id=new_id(),
                name=name,
                search_name=fold(name),
                owner_id=owner.id,
                visibility=visibility.value,
                description=description,
            )
            await queries.create_membership(
                connection,
                room_id=row["id"],
                user_id=owner.id,
                name=owner.name,
                role=Role.OWNER.value,
            )
        return room_of(row)

    async def direct(self, pair: tuple[str, str]) -> tuple[str, bool]:
        """Return the id of the room of two people, which is made when it is not there."""
        first, second = sorted(pair)
        room_id = "d" + hashlib.sha256(f"{first} {second}".encode()).hexdigest()[:31]
        async with self._pool.transaction() as connection:
            made = await queries.create_direct(connection, id=room_id, pair=[first, second])
            if made is not None:
                await queries.create_pair(connection, id=room_id)
        return room_id, made is not None

    async def by_id(self, room_id: str) -> Room | None:
        """Find a room; a deleted one has ``deleted`` set."""
        async with self._pool.connection() as connection:
            row = await queries.room_by_id(connection, id=room_id)
        return None if row is None else room_of(row)

    async def search(self, text: str, limit: int, offset: int = 0) -> list[Room]:
        """List live public rooms whose name contains ``text``, the last active first.

        Case does not matter, in any alphabet; an empty text finds all.
        """
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.search_rooms(
                    connection, pattern=pattern_of(text), limit=limit, offset=offset
                )
            )
        return [room_of(row) for row in rows]

    async def of_member(self, user_id: str, limit: int) -> list[RoomRow]:
        """List the live rooms of this person: favourites first, then the last active."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.rooms_of_member(connection, user_id=user_id, limit=limit))
        return [
            RoomRow(
                room=room_of(row).named_for(user_id),
                role=Role(row["role"]),
                active_at=row["active_at"],
                messages=row["messages"],
                unread=row["unread"],
                favourite=row["favourite"],
            )
            for row in rows
        ]

    async def owned_count(self, user_id: str) -> int:
        """Count the live rooms that this person owns."""
        async with self._pool.connection() as connection:
            return int(await queries.owned_rooms(connection, owner_id=user_id))

    async def change(self, room_id: str, visibility: Visibility, description: str) -> bool:
        """Write what of a room may change; False when it is deleted or never existed."""
        async with self._pool.connection() as connection:
            found = await queries.change_room(
                connection, id=room_id, visibility=visibility.value, description=description
            )
        return found is not None

    async def delete(self, room_id: str) -> bool:
        """Mark a room as deleted; False when it was, or never existed. History stays."""
        async with self._pool.connection() as connection:
            return await queries.delete_room(connection, id=room_id) is not None

    async def deletions(
        self, before: Deletion | None, limit: int, settled_s: float
    ) -> list[Deletion]:
        """List deleted rooms, the newest first, that were deleted before ``before``.

        Those of the last ``settled_s`` seconds are left out.
        """
        at, room = (before.at, before.room) if before is not None else (NUMBER_MAX, "")
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.deleted_rooms(
                    connection,
                    before_at=at,
                    before_id=room,
                    settled_ms=round(settled_s * 1000),
                    limit=limit,
                )
            )
        return [
            Deletion(row["id"], User(row["owner_id"], row["owner_name"]), row["deleted_at"])
            for row in rows
        ]

    async def members(self, room_id: str, limit: int) -> dict[str, Member]:
        """List members by user id in the order they came, banned people too."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.members_of_room(connection, room_id=room_id, limit=limit))
        return {row["user_id"]: _member_of(row) for row in rows}

    async def snapshot(self, room_id: str, tail: int) -> RoomSnapshot | None:
        """Take all that Redis needs to serve the room, as of one moment.

        None when there never was such a room; a deleted one has ``room.deleted`` set. The
        cost does not grow with the length of the history.
        """
        async with self._pool.snapshot() as connection:
            row = await queries.room_by_id(connection, id=room_id)
            if row is None:
                return None
            members = await fetch(queries.members_of_room(connection, room_id=room_id, limit=None))
            events = await newest_events(connection, room_id, tail)
        return RoomSnapshot(
            room=room_of(row),
            last=Position(row["last_epoch"], row["last_seq"]),
            messages=row["messages"],
            members={member["user_id"]: _member_of(member) for member in members},
            reads={
                member["user_id"]: (
                    Position(member["read_epoch"], member["read_seq"]),
                    member["read_messages"],
                )
                for member in members
            },
            tail=events,
        )

    async def unread_with_at(
        self, marks: Mapping[str, Position], most: int
    ) -> list[tuple[Identity, str]]:
        """Give the messages after these marks that have an ``@``, each with its text.

        At most the ``most`` newest of each room.
        """
        if not marks:
            return []
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.unread_with_at(
                    connection,
                    room_ids=list(marks),
                    epochs=[mark.epoch for mark in marks.values()],
                    seqs=[mark.seq for mark in marks.values()],
                    most=most,
                )
            )
        return [((row["room_id"], row["user_id"], row["cid"]), row["text"]) for row in rows]

    async def summaries(self, room_ids: Sequence[str], user_id: str) -> dict[str, Summary]:
        """Summarize live rooms for a list; deleted and unknown ones are absent."""
        if not room_ids:
            return {}
        ids = list(room_ids)
        async with self._pool.connection() as connection:
            rows = await fetch(queries.summarize_rooms(connection, room_ids=ids, user_id=user_id))
            newest = await fetch(queries.newest_messages(connection, room_ids=ids))
            messages = [(row["room_id"], row["user_id"], row["cid"]) for row in newest]
            changes = await saved_changes(connection, messages)
        fold = Fold()
        for _position, kind, event in changes:
            fold.add(kind, event)
        last = {row["room_id"]: fold.apply(row["kind"], rebuild(row_from(row))) for row in newest}
        return {
            row["id"]: Summary(
                position=Position(row["last_epoch"], row["last_seq"]),
                messages=row["messages"],
                unread=row["unread"] if row["role"] is not None else 0,
                members=row["members"],
                role=None if row["role"] is None else Role(row["role"]),
                last=last.get(row["id"]),
                read=None if row["role"] is None else Position(row["read_epoch"], row["read_seq"]),
            )
            for row in rows
        }


def fold(name: str) -> str:
    """Fold a name so that names which differ only in case are equal (Unicode, 3.13)."""
    return unicodedata.normalize("NFC", name.casefold())


def pattern_of(text: str) -> str:
    """Write the LIKE pattern of names that contain ``text``, which may hold any character."""
    folded = fold(" ".join(text.replace("\0", " ").split()))
    folded = folded.encode(errors="replace").decode()
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%" if escaped else "%"


def room_of(row: Any) -> Room:
    """Decode the ``chatrooms`` columns of a row."""
    return Room(
        id=row["id"],
        name=row["name"],
        owner_id=row["owner_id"],
        visibility=Visibility(row["visibility"]),
        created_at=row["created_at"],
        deleted=row["deleted_at"] is not None,
        description=row["description"],
        pair=tuple(User(*each.split(" ", 1)) for each in row.get("people") or ()),
    )


def _member_of(row: Any) -> Member:
    return Member(Role(row["role"]), row["name"])
