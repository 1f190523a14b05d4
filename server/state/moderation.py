"""Who is what in a room: its members as Redis has them, and how their roles change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.rooms import Member, Role, User, Visibility
from server.state import keys
from server.state.client import RedisClient
from server.state.posts import unplaced
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


OWNER_TRIES = 3
"""How often the owner may be another one than a moment before."""

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

    async def hand_over(
        self, room: str, by: User, person: User, renamed: User | None = None
    ) -> bool:
        """Make a member the owner and the owner so far a member, with an event for each.

        Whether ``by`` may is the caller's to know. The owner so far appears as ``renamed`` if
        it is he. False when it was so before.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``person_not_found``, ``unavailable``;
                ``room_unavailable`` when others change the owner all the time.
        """
        for _ in range(OWNER_TRIES):
            former = await self._owner(room)
            if renamed is not None and renamed.id == former.id:
                former = renamed
            event = events.role(room, person, Role.OWNER, by)
            lowered = events.role(room, former, Role.MEMBER, by)
            reply = await self._call(
                "moderate",
                room,
                [
                    *(by.id, person.id, person.name, Role.OWNER.value),
                    *(self._settings.log_events, self._settings.drain_limit),
                    *(event.head, event.tail, former.id, former.name, lowered.head, lowered.tail),
                ],
            )
            if reply[1] >= 0:
                return bool(reply[1])
        raise Refusal("room_unavailable")

    async def set_visibility(self, room: str, visibility: Visibility) -> None:
        """Make a room that is in Redis public or private.

        Raises:
            Cold: the room is not in Redis.
            Refusal: ``room_gone``, ``unavailable``.
        """
        await self._call("visibility", room, [visibility.value])

    async def tell_description(self, room: str, description: str) -> None:
        """Tell those who hear a room what it is about now; others see it when they come.

        Raises:
            Refusal: ``unavailable``.
        """
        event = events.room_changed(room, description)
        await self._client.execute(*unplaced(self._client, room, Kind.CHANGED, "-", event))

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
        found: dict[str, Member] = {}
        async for some in self._scan(room):
            found |= some
            if len(found) >= MEMBERS_MAX:
                break
        return found

    async def _owner(self, room: str) -> User:
        async for some in self._scan(room):
            for user, member in some.items():
                if member.role is Role.OWNER:
                    return User(user, member.name)
        return User("", "")

    async def _scan(self, room: str) -> AsyncIterator[dict[str, Member]]:
        key = keys.room_keys(self._client.partition_of(room), room).members
        cursor = -1
        while cursor != 0:
            reply = await self._client.execute(
                "HSCAN", key, max(0, cursor), "COUNT", SCANNED_AT_ONCE
            )
            cursor, pairs = int(reply[0]), reply[1]
            yield {
                user.decode(): member
                for user, raw in zip(pairs[::2], pairs[1::2], strict=True)
                if (member := parse_member(raw)) is not None
            }

    async def _call(self, function: str, room: str, args: Sequence[Any]) -> Any:
        partition = self._client.partition_of(room)
        fixed = keys.partition_keys(partition)
        touched = [fixed.head, fixed.events, fixed.drain, *keys.room_keys(partition, room)[:4]]
        reply = await self._client.call(function, touched, [room, *args])
        check_status(reply[0])
        return reply
