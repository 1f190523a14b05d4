"""Who is what in a room: its members as Redis has them, and how their roles change."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from server.domain import events
from server.domain.rooms import Member, Role, User, Visibility
from server.state import keys
from server.state.client import RedisClient
from server.state.rooms import check_status, parse_member

SCANNED_AT_ONCE = 500
MEMBERS_MAX = 20_000
"""Members of a room that are looked through; a list of people shows far fewer."""


class Action(StrEnum):
    """What the owner and the moderators do with a person."""

    REMOVE = "remove"
    BAN = "ban"
    UNBAN = "unban"
    MODERATOR = "moderator"
    MEMBER = "member"
    MUTED = "muted"


_LEAVES = {Action.REMOVE: "removed", Action.BAN: "banned", Action.UNBAN: "unbanned"}


class Moderation:
    """Every method may raise ``Cold`` and ``Refusal("unavailable")``."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._settings = client.settings

    async def act(self, room: str, by: User, person: User, action: Action) -> bool:
        """Do it, with an event in the room; False when it was so before.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``not_a_member`` (``by``), ``forbidden``,
                ``person_not_found``, ``storage_backlog``, ``unavailable``.
        """
        reason = _LEAVES.get(action)
        if reason is None:
            event = events.role(room, person, Role(action.value), by)
        else:
            event = events.left(room, person, reason)
        reply = await self._call(
            "moderate",
            room,
            [
                by.id,
                person.id,
                person.name,
                action.value,
                self._settings.log_events,
                self._settings.drain_limit,
                event.head,
                event.tail,
            ],
        )
        return bool(reply[1])

    async def set_visibility(self, room: str, visibility: Visibility) -> None:
        """Make a room that is in Redis public or private.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``unavailable``.
        """
        await self._call("visibility", room, [visibility.value])

    async def member(self, room: str, user_id: str) -> Member | None:
        """Return role and name of one person, banned ones too.

        Raises:
            Refusal: ``unavailable``.
        """
        key = keys.room_keys(self._client.partition_of(room), room).members
        return parse_member(await self._client.execute("HGET", key, user_id))

    async def members(self, room: str) -> dict[str, Member]:
        """Return up to ``MEMBERS_MAX`` members by user id, banned people too.

        Raises:
            Refusal: ``unavailable``.
        """
        key = keys.room_keys(self._client.partition_of(room), room).members
        found: dict[str, Member] = {}
        cursor = 0
        while True:
            reply = await self._client.execute("HSCAN", key, cursor, "COUNT", SCANNED_AT_ONCE)
            cursor, pairs = int(reply[0]), reply[1]
            for user, raw in zip(pairs[::2], pairs[1::2], strict=True):
                member = parse_member(raw)
                if member is not None:
                    found[user.decode()] = member
            if cursor == 0 or len(found) >= MEMBERS_MAX:
                return found

    async def _call(self, function: str, room: str, args: Sequence[Any]) -> Any:
        partition = self._client.partition_of(room)
        fixed = keys.partition_keys(partition)
        touched = [fixed.head, fixed.events, fixed.drain, *keys.room_keys(partition, room)[:4]]
        reply = await self._client.call(function, touched, [room, *args])
        check_status(reply[0])
        return reply
