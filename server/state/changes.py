"""Changing messages: an edit, a deletion or a reaction gets a position of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

from server.domain.errors import Refusal
from server.domain.events import ChangeParts
from server.domain.positions import Position
from server.domain.rooms import User
from server.state import keys
from server.state.client import RedisClient
from server.state.posts import Posted, hurried, outcome_of
from server.state.rooms import Cold


class UnknownTarget(Exception):
    """The log does not have the message: ask PostgreSQL, and come again with the answer."""


class Change(NamedTuple):
    """A change of the message at ``target`` that wants a position."""

    room: str
    user: User
    cid: str
    target: Position
    parts: ChangeParts


class Vouched(NamedTuple):
    """Whose message stands at the target, by which cid and since when: PostgreSQL's word."""

    user: str
    cid: str
    at: int


async def change(client: RedisClient, change: Change, vouched: Vouched | None = None) -> Posted:
    """Give a change its position, or the one that its cid got before.

    ``vouched`` counts only where the log does not have the message.

    Raises:
        Cold: the room is not in Redis.
        UnknownTarget: the log does not have the message, and nobody vouched for it.
        Refusal: ``room_gone``, ``not_a_member``, ``message_not_found``, ``forbidden``,
            ``storage_backlog``, ``rate_limited``; ``unavailable``, which may hide a success.
    """
    too_fast = hurried(client, change.user)
    if too_fast is not None:
        raise too_fast
    reply = await _ask(client, change, vouched)
    if reply[0] != b"ok":
        client.pace.give_back(change.user.id)
    if reply[0] == b"unknown_target":
        raise UnknownTarget
    outcome = outcome_of(reply)
    if isinstance(outcome, Refusal):
        raise outcome
    if not isinstance(outcome, Posted):
        raise Cold
    return outcome


async def _ask(client: RedisClient, change: Change, vouched: Vouched | None) -> list[Any]:
    settings = client.settings
    partition = client.partition_of(change.room)
    fixed = keys.partition_keys(partition)
    room_keys = keys.room_keys(partition, change.room)
    parts = change.parts
    reply: list[Any] = await client.call(
        "change",
        [
            fixed.head,
            fixed.events,
            fixed.drain,
            room_keys.room,
            room_keys.log,
            room_keys.members,
            room_keys.gone,
            keys.seen(partition, change.room, change.user.id),
        ],
        [
            change.room,
            change.user.id,
            parts.kind,
            *change.target,
            parts.head,
            parts.tail,
            parts.end,
            settings.log_events,
            settings.seen_s * 1000,
            settings.drain_limit,
            change.cid,
            keys.seen(partition, change.room, ""),
            *(vouched or ("", "", "")),
        ],
    )
    return reply
