"""What a deleted account leaves behind: its rooms, and its name over what it said.

Also what a person may take along: everything of his, page by page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from server.domain.positions import Position
from server.domain.rooms import Role, User
from server.storage.messages import row_from
from server.storage.pool import Pool
from server.storage.sql import fetch, queries

ROWS: Final = 500
"""Rows that one statement reads or writes: each is short, and holds no lock for long."""
SETTLED_MS: Final = 3_600_000
"""No writer saves a record again that is so old, and none that was said before is on its way."""

_KINDS: Final[Mapping[str, str]] = {
    "m": "message",
    "e": "edited",
    "x": "deleted",
    "a": "reaction",
}


class Leaver(NamedTuple):
    """A deleted account: what it is called now, and whether its texts go too.

    ``settled`` tells that nothing of it can be on its way into PostgreSQL any more.
    """

    user: User
    erase: bool
    settled: bool


class Place(NamedTuple):
    """A room in which somebody was, with its owner; ``role`` is None for who is no member.

    ``direct`` rooms are conversations of two, which belong to nobody.
    """

    room: str
    owner: User
    deleted: bool
    role: Role | None
    direct: bool = False


class Departures:
    """All methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def waiting(self, limit: int) -> list[Leaver]:
        """List deleted accounts of which something is left to do."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.departing_users(connection, settled_ms=SETTLED_MS, limit=limit)
            )
        return [
            Leaver(User(row["id"], row["name"]), row["departing"] == "erase", row["settled"])
            for row in rows
        ]

    async def places(self, user_id: str) -> AsyncIterator[Place]:
        """Give the rooms in which a person may have said something, by id."""
        after = ""
        while True:
            async with self._pool.connection() as connection:
                rows = await fetch(
                    queries.rooms_of_person(connection, user_id=user_id, after=after, limit=ROWS)
                )
            for row in rows:
                owner = User(row["owner_id"], row["owner_name"])
                role = None if row["role"] is None else Role(row["role"])
                yield Place(row["id"], owner, row["deleted"], role, row["direct"])
            if len(rows) < ROWS:
                return
            after = rows[-1]["id"]

    async def heir(self, room_id: str, owner_id: str) -> User | None:
        """Choose who gets a room when its owner has gone; None when nobody else is in it."""
        async with self._pool.connection() as connection:
            row = await queries.heir_of_room(connection, room_id=room_id, owner_id=owner_id)
        return None if row is None else User(row["user_id"], row["name"])

    async def memberships(self, user_id: str) -> AsyncIterator[dict[str, Any]]:
        """Give a person's memberships; ``joined_at`` is Unix milliseconds."""
        after = ""
        while True:
            async with self._pool.connection() as connection:
                rows = await fetch(
                    queries.memberships_of_person(
                        connection, user_id=user_id, after=after, limit=ROWS
                    )
                )
            for row in rows:
                yield {
                    "room": row["room_id"],
                    "name": row["name"],
                    "role": row["role"],
                    "joined_at": row["joined_at"],
                }
            if len(rows) < ROWS:
                return
            after = rows[-1]["room_id"]

    async def said(self, room_id: str, user_id: str) -> AsyncIterator[dict[str, Any]]:
        """Give what a person said and changed in a room, in no order of time."""
        after = ""
        while True:
            async with self._pool.connection() as connection:
                rows = await fetch(
                    queries.said_by(
                        connection, room_id=room_id, user_id=user_id, after=after, limit=ROWS
                    )
                )
            for record in rows:
                row = row_from(record)
                line: dict[str, Any] = {"line": _KINDS.get(row.kind, row.kind), "room": row.room_id}
                line |= {"epoch": row.epoch, "seq": row.seq, "at": row.at, "cid": row.cid}
                if row.text is not None:
                    line["text"] = row.text
                yield line | (orjson.loads(row.data) if row.data else {})
            if len(rows) < ROWS:
                return
            after = rows[-1]["cid"]

    async def rename_said(self, room_id: str, user: User) -> int:
        """Put another name over some of what was said in a room; returns how many rows."""
        async with self._pool.connection() as connection:
            return int(
                await queries.rename_said(
                    connection,
                    room_id=room_id,
                    user_id=user.id,
                    name=user.name,
                    limit=ROWS,
                )
            )

    async def rename_comings(self, user: User) -> int:
        """Put another name over some comings and goings of old; returns how many rows."""
        async with self._pool.connection() as connection:
            return int(
                await queries.rename_comings(
                    connection,
                    user_id=user.id,
                    name=user.name,
                    settled_ms=SETTLED_MS,
                    limit=ROWS,
                )
            )

    async def rename_roles(self, room_id: str, user: User) -> int:
        """Put another name into some roles of old that somebody got or gave; how many rows."""
        async with self._pool.transaction() as connection:
            rows = await fetch(
                queries.roles_naming(
                    connection,
                    room_id=room_id,
                    user_id=user.id,
                    name=user.name,
                    settled_ms=SETTLED_MS,
                    limit=ROWS,
                )
            )
            for row in rows:
                data = orjson.loads(row["data"])
                if data["by"]["id"] == user.id:
                    data["by"]["name"] = user.name
                await queries.rename_role(
                    connection,
                    room_id=room_id,
                    epoch=row["epoch"],
                    seq=row["seq"],
                    user_name=user.name if row["user_id"] == user.id else row["user_name"],
                    data=orjson.dumps(data).decode(),
                )
        return len(rows)

    async def standing(self, room_id: str, user_id: str) -> list[tuple[Position, str]]:
        """List some messages of a person in a room that are not deleted, with their cids."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.standing_messages(connection, room_id=room_id, user_id=user_id, limit=ROWS)
            )
        return [(Position(row["epoch"], row["seq"]), row["cid"]) for row in rows]

    async def erase_said(self, room_id: str, user_id: str) -> int:
        """Erase some texts of a person in a deleted room; returns how many rows."""
        async with self._pool.connection() as connection:
            return int(
                await queries.erase_said(connection, room_id=room_id, user_id=user_id, limit=ROWS)
            )

    async def end(self, user_id: str) -> None:
        """Note that all is done."""
        async with self._pool.connection() as connection:
            await queries.end_departure(connection, id=user_id)
