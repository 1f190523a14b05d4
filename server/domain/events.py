"""What a room tells its members, as the very bytes that browsers receive.

An event is encoded once, by the replica that posts it. Only Redis knows its position and
time, so the encoding comes in two parts that the publish function joins::

    head  {"ev":"message","room":"kitchen"
    Redis ,"epoch":1700000000000,"seq":42,"at":1700000000123
    tail  ,"user":{"id":"alice","name":"Alice"},"cid":"c1","text":"hi"}

``at`` is Unix milliseconds by Redis's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from server.domain.files import File
from server.domain.positions import Position
from server.domain.rooms import Role, User


class Kind(StrEnum):
    """One letter that lets a replica act on an event without reading its JSON."""

    MESSAGE = "m"
    JOINED = "j"
    LEFT = "l"
    """Somebody left, was removed or banned: their sockets leave the room here."""
    ROLE = "g"
    """A member has another role."""
    DELETED = "d"
    """The room is gone: everybody's sockets leave it here. The last event of a room."""
    EDITED = "e"
    """A message has another text."""
    TOMBSTONE = "x"
    """A message is deleted."""
    REACTION = "a"
    """Somebody put an emoji under a message, or took it away."""
    PINNED = "n"
    """A message is pinned for everybody in the room, or is not any more."""
    SAVED = "s"
    """The watermark moved. No position of its own; the header carries the watermark."""
    CHANGED = "c"
    """The room is described in other words. No position of its own."""
    PRESENCE = "p"
    TYPING = "t"


class Parts(NamedTuple):
    """An event before it has a position: ``kind``, whom it is about, and its JSON halves."""

    kind: Kind
    subject: str
    """The user whom the event is about, or ``-``."""
    head: bytes
    tail: bytes


class Target(NamedTuple):
    """The message that a change is about.

    ``user`` and ``cid`` name it for ever; ``position`` is where it stood when it was changed:
    a message that is sent again, because Redis lost it, moves to a later one.
    """

    position: Position
    user: str
    cid: str


class ChangeParts(NamedTuple):
    """A change of a message before Redis has looked the message up.

    The publish function's twin puts ``,"target":{…}`` between ``tail`` and ``end``.
    """

    kind: Kind
    subject: str
    head: bytes
    tail: bytes
    end: bytes

    def aimed(self, target: Target) -> Parts:
        """Join the parts around the target as the ``change`` function does: same bytes."""
        where = b',"target":{"epoch":%d,"seq":%d,"user":"%s","cid":"%s"}' % (
            *target.position,
            target.user.encode(),
            target.cid.encode(),
        )
        return Parts(self.kind, self.subject, self.head, self.tail + where + self.end)


CHANGES = frozenset({Kind.EDITED, Kind.TOMBSTONE, Kind.REACTION, Kind.PINNED})
"""The kinds that change a message and are not shown by themselves."""


def message(
    room: str,
    user: User,
    cid: str,
    text: str,
    reply: Position | None = None,
    files: Sequence[File] = (),
) -> Parts:
    """Somebody said something, in answer to the message at ``reply`` if that is given."""
    rest: dict[str, object] = {"cid": cid}
    if reply is not None:
        rest["reply"] = reply._asdict()
    if files:
        rest["files"] = [file.describe() for file in files]
    rest["text"] = text
    return _parts(Kind.MESSAGE, "message", room, user, rest)


def joined(room: str, user: User, role: Role) -> Parts:
    """Somebody became a member."""
    return _parts(Kind.JOINED, "joined", room, user, {"role": role.value})


def left(room: str, user: User, reason: str) -> Parts:
    """Somebody is no member; ``reason`` is ``left``, ``removed``, ``banned`` or ``unbanned``."""
    return _parts(Kind.LEFT, "left", room, user, {"reason": reason})


def role(room: str, user: User, role: Role, by: User) -> Parts:
    """A member got another role from ``by``."""
    rest = {"role": role.value, "by": by._asdict()}
    return _parts(Kind.ROLE, "role", room, user, rest)


def room_deleted(room: str, by: User) -> Parts:
    """The room was deleted by ``by``."""
    return _parts(Kind.DELETED, "room_deleted", room, by, {})


def room_changed(room: str, description: str) -> bytes:
    """The room is about something else now."""
    return orjson.dumps({"ev": "room_changed", "room": room, "description": description})


def edited(room: str, user: User, cid: str, text: str) -> ChangeParts:
    """Somebody gave his message another text."""
    return _change(Kind.EDITED, "edited", room, user, cid, {"text": text})


def deleted(room: str, user: User, cid: str) -> ChangeParts:
    """Somebody deleted a message."""
    return _change(Kind.TOMBSTONE, "deleted", room, user, cid, {})


def reaction(room: str, user: User, cid: str, emoji: str, on: bool) -> ChangeParts:
    """Somebody put an emoji under a message, or took it away."""
    return _change(Kind.REACTION, "reaction", room, user, cid, {"emoji": emoji, "on": on})


def pinned(room: str, user: User, cid: str, on: bool) -> ChangeParts:
    """Somebody pinned a message, or took the pin away."""
    return _change(Kind.PINNED, "pinned", room, user, cid, {"on": on})


def assemble(parts: Parts, position: Position, at: int) -> bytes:
    """Join the halves as the publish function does: same bytes."""
    return b'%s,"epoch":%d,"seq":%d,"at":%d%s' % (
        parts.head,
        position.epoch,
        position.seq,
        at,
        parts.tail,
    )


def saved(room: str, position: Position) -> bytes:
    """Everything of the room up to ``position`` is in PostgreSQL."""
    return orjson.dumps({"ev": "saved", "room": room, "epoch": position.epoch, "seq": position.seq})


def typing(room: str, user: User) -> bytes:
    """Somebody types; forget it after some seconds without another."""
    return orjson.dumps({"ev": "typing", "room": room, "user": user._asdict()})


def presence(room: str, online: int, came: list[User], went: list[str]) -> bytes:
    """``online`` people are in the room now; who came (with names) and who went (ids)."""
    came_json = [user._asdict() for user in came]
    return orjson.dumps(
        {"ev": "presence", "room": room, "online": online, "came": came_json, "went": went}
    )


def reset(room: str, position: Position, events: list[bytes]) -> bytes:
    """Forget what you have: ``events`` is the tail of the room that ends at ``position``."""
    return b'{"ev":"reset","room":%s,"epoch":%d,"seq":%d,"events":[%s]}' % (
        orjson.dumps(room),
        position.epoch,
        position.seq,
        b",".join(events),
    )


def decode(event: bytes) -> dict[str, Any]:
    """Read an event's JSON back, for the archive and for pages."""
    fields: dict[str, Any] = orjson.loads(event)
    return fields


def position_in(event: Mapping[str, Any]) -> Position:
    """Return the place of a decoded event."""
    return Position(event["epoch"], event["seq"])


def _parts(kind: Kind, ev: str, room: str, user: User, rest: Mapping[str, object]) -> Parts:
    head = orjson.dumps({"ev": ev, "room": room})[:-1]
    tail = b"," + orjson.dumps({"user": user._asdict(), **rest})[1:]
    return Parts(kind, user.id, head, tail)


def _change(
    kind: Kind, ev: str, room: str, user: User, cid: str, rest: dict[str, str | bool]
) -> ChangeParts:
    parts = _parts(kind, ev, room, user, {"cid": cid})
    end = b"," + orjson.dumps(rest)[1:] if rest else b"}"
    return ChangeParts(kind, user.id, parts.head, parts.tail[:-1], end)
