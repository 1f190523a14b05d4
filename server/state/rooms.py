"""Rooms in Redis: who is in, where they stand, and how a room begins and ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.fold import Fold
from server.domain.positions import Position
from server.domain.rooms import Member, Role, RoomSnapshot, User, Visibility
from server.state import keys
from server.state.client import RedisClient, fcall
from server.state.seen import known_again

ADMITTED_AT_ONCE = 200
"""People whom one call lets in again: it keeps Redis's turns short."""
PEOPLE_MAX = 200
"""People of a room that are listed by name; the count has no limit."""


class Cold(Exception):
    """The room is not in Redis: bring it back from PostgreSQL and ask again."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What a person finds on coming in: the newest position, and what he has read."""

    role: Role
    position: Position
    saved: Position
    read: Position
    unread: int
    joined: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """A room in a list of rooms; ``last`` is the newest message's event JSON, folded."""

    position: Position
    saved: Position
    messages: int
    unread: int
    online: int
    members: int
    role: Role | None
    last: bytes | None
    visibility: Visibility
    read: Position


class Person(NamedTuple):
    """Somebody who is online in a room."""

    id: str
    name: str
    role: Role


class Rooms:
    """One coroutine per room function; every one is atomic in Redis."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._settings = client.settings

    async def enter(self, room: str, user: User, *, invited: bool = False) -> Entered:
        """Let a person in; a stranger becomes a member of a public room, or where he is invited.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``not_a_member``, ``storage_backlog``, ``unavailable``.
        """
        joined = events.joined(room, user, Role.MEMBER)
        settings = self._settings
        reply = await self._call(
            "enter",
            room,
            [
                user.id,
                user.name,
                settings.log_events,
                settings.drain_limit,
                joined.head,
                joined.tail,
                int(invited),
            ],
        )
        numbers = [int(number) for number in reply[2:]]
        return Entered(
            role=Role(reply[1].decode()),
            position=Position(numbers[0], numbers[1]),
            saved=Position(numbers[2], numbers[3]),
            read=Position(numbers[4], numbers[5]),
            unread=numbers[6],
            joined=bool(numbers[7]),
        )

    async def admit(self, room: str, users: Sequence[User]) -> set[str]:
        """Let many people in as ``enter`` does; return the ids of those who may not come in.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``storage_backlog``, ``unavailable``; ask again.
        """
        outside: set[str] = set()
        for start in range(0, len(users), ADMITTED_AT_ONCE):
            args: list[str | bytes | int] = [self._settings.log_events, self._settings.drain_limit]
            for user in users[start : start + ADMITTED_AT_ONCE]:
                joined = events.joined(room, user, Role.MEMBER)
                args += [user.id, user.name, joined.head, joined.tail]
            reply = await self._call("admit", room, args)
            outside.update(each.decode() for each in reply[1:])
        return outside

    async def seat(self, room: str, user: User) -> None:
        """Make a bot a member without a word, if it is none; PostgreSQL must say the same.

        Raises:
            Refusal: ``unavailable``.
        """
        members = keys.room_keys(self._client.partition_of(room), room).members
        await self._client.execute("HSETNX", members, user.id, f"member {user.name}")

    async def leave(self, room: str, user: User) -> None:
        """End a person's own membership.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``not_a_member``, ``forbidden`` (the owner), ``unavailable``.
        """
        await self.remove(room, user, "left")

    async def remove(self, room: str, user: User, reason: str) -> None:
        """End a membership; ``reason`` is ``left`` or ``removed``. Errors as in ``leave``."""
        left = events.left(room, user, reason)
        await self._call("leave", room, [user.id, self._settings.log_events, left.head, left.tail])

    async def delete(self, room: str, by: User) -> bool:
        """End a room, also one that is not in Redis; False when it was deleted before.

        Raises:
            Refusal: ``unavailable``.
        """
        parts = events.room_deleted(room, by)
        partition = self._client.partition_of(room)
        room_keys = keys.room_keys(partition, room)
        reply = await self._client.call(
            "delete",
            [*_write_keys(partition), *room_keys],
            [
                room,
                by.id,
                self._settings.tombstone_s * 1000,
                self._settings.log_events,
                parts.head,
                parts.tail,
            ],
        )
        return bool(reply[0] == b"ok")

    async def hydrate(self, snapshot: RoomSnapshot) -> bool:
        """Bring a room back from PostgreSQL; False when it was there or is deleted.

        Raises:
            Refusal: ``unavailable``.
        """
        room = snapshot.room
        partition = self._client.partition_of(room.id)
        seen_ms = self._settings.seen_s * 1000
        room_keys = keys.room_keys(partition, room.id)
        rows: list[str | bytes | int] = [len(snapshot.members)]
        for user, member in snapshot.members.items():
            rows += [user, f"{member.role.value} {member.name}"]
        rows.append(len(snapshot.reads))
        for user, (position, messages) in snapshot.reads.items():
            rows += [user, f"{position}-{messages}"]
        gone, seen = known_again(partition, snapshot, since=time.time() * 1000 - seen_ms)
        rows.append(len(gone))
        for message, place in gone.items():
            rows += [message, place]
        rows.append(len(snapshot.tail))
        for position, kind, event in snapshot.tail:
            rows += [str(position), kind, event]
        rows += [seen_ms, *seen.values()]
        reply = await self._client.call(
            "hydrate",
            [*_write_keys(partition), *room_keys[:4], room_keys.gone, *seen],
            [
                room.id,
                "deleted" if room.deleted else "live",
                self._settings.tombstone_s * 1000,
                room.visibility.value,
                *snapshot.last,
                snapshot.messages,
                *rows,
            ],
        )
        return bool(reply)

    async def read(self, room: str, user: User, position: Position) -> tuple[Position, int]:
        """Mark the room as read up to ``position``; marks only grow.

        Returns the mark as it is now and the messages that are still unread.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``not_a_member``, ``unavailable``.
        """
        reply = await self._call("read", room, [user.id, *position, self._settings.drain_limit])
        return Position(int(reply[1]), int(reply[2])), int(reply[3])

    async def overview(self, rooms: Sequence[str], user_id: str) -> dict[str, Overview]:
        """Look at many rooms in one round trip; rooms that are not in Redis are absent.

        Raises:
            Refusal: ``unavailable``.
        """
        by_partition: dict[int, list[str]] = {}
        for room in rooms:
            by_partition.setdefault(self._client.partition_of(room), []).append(room)
        calls = []
        for partition, ids in by_partition.items():
            touched = [keys.partition_keys(partition).head]
            touched += [key for room in ids for key in keys.room_keys(partition, room)[:5]]
            calls.append(fcall("overview", touched, [user_id]))
        found: dict[str, Overview] = {}
        replies = await self._client.execute_all(calls)
        for ids, reply in zip(by_partition.values(), replies, strict=True):
            for room, row in zip(ids, reply, strict=True):
                if row:
                    found[room] = _overview(row)
        return found

    async def living(self, rooms: Sequence[str]) -> list[str]:
        """Return those of the rooms that are in Redis and not deleted there.

        Raises:
            Refusal: ``unavailable``.
        """
        asked = [keys.room_keys(self._client.partition_of(room), room).room for room in rooms]
        states = await self._client.execute_all([("HGET", key, "state") for key in asked])
        return [room for room, state in zip(rooms, states, strict=True) if state == b"live"]

    async def online(self, room: str) -> int:
        """Count who is online.

        Raises:
            Refusal: ``unavailable``.
        """
        key = keys.room_keys(self._client.partition_of(room), room).online
        return int(await self._client.execute("HLEN", key))

    async def people(self, room: str) -> list[Person]:
        """List who is online, at most ``PEOPLE_MAX``, by name.

        Raises:
            Refusal: ``unavailable``.
        """
        room_keys = keys.room_keys(self._client.partition_of(room), room)
        online = await self._client.execute("HKEYS", room_keys.online)
        if not online:
            return []
        ids = online[:PEOPLE_MAX]
        members = await self._client.execute("HMGET", room_keys.members, *ids)
        people = [
            Person(user.decode(), member.name, member.role)
            for user, raw in zip(ids, members, strict=True)
            if (member := parse_member(raw)) is not None
        ]
        return sorted(people, key=lambda person: person.name.casefold())

    async def _call(self, function: str, room: str, args: Sequence[Any]) -> Any:
        partition = self._client.partition_of(room)
        room_keys = keys.room_keys(partition, room)[:4]
        reply = await self._client.call(
            function, [*_write_keys(partition), *room_keys], [room, *args]
        )
        check_status(reply[0])
        return reply


def check_status(status: bytes) -> None:
    """Raise what a function's first word says; ``ok`` says nothing.

    Raises:
        Cold: the room is not in Redis.
        Refusal: any other word is its code.
    """
    if status == b"ok":
        return
    if status == b"cold":
        raise Cold
    raise Refusal(status.decode())


def parse_member(raw: bytes | None) -> Member | None:
    """Read a membership as it is stored: ``<role> <name>``."""
    if raw is None:
        return None
    role, _, name = raw.decode().partition(" ")
    return Member(Role(role), name)


def _write_keys(partition: int) -> tuple[str, str, str]:
    fixed = keys.partition_keys(partition)
    return fixed.head, fixed.events, fixed.drain


def _overview(row: list[Any]) -> Overview:
    numbers = [int(number) for number in row[:8]]
    return Overview(
        position=Position(numbers[0], numbers[1]),
        saved=Position(numbers[2], numbers[3]),
        messages=numbers[4],
        unread=numbers[5],
        online=numbers[6],
        members=numbers[7],
        role=Role(row[8].decode()) if row[8] else None,
        last=_folded(row[9], row[10]) if row[9] else None,
        visibility=Visibility(row[11].decode()),
        read=Position(int(row[12]), int(row[13])),
    )


def _folded(message: bytes, changes: Sequence[tuple[bytes, bytes]]) -> bytes:
    fold = Fold()
    for kind, event in changes:
        fold.add(kind.decode(), event)
    return fold.apply(Kind.MESSAGE, message)
